using Tributary.Federation.Jobs;
using Tributary.Simulation.Reports;
using Tributary.Tensors;
using Tributary.Tensors.Checkpoints;
using Tributary.Training;

namespace Tributary.Simulation;

/// <summary>
/// What server and sites exchange in a run: a checkpoint's weights, or adapters of it. Of the base of adapters there is one in memory for all
/// sites.
/// </summary>
internal sealed class ExchangedModel : IDisposable
{
    private readonly string _folder;
    private readonly Checkpoint _checkpoint;
    private readonly LoraConfig? _lora;
    private Checkpoint? _initialAdapters;

    private ExchangedModel(string folder, Job job, Checkpoint checkpoint, FrozenBase? frozen, LoraConfig? lora)
    {
        (_folder, Job, _checkpoint, Frozen, _lora) = (folder, job, checkpoint, frozen, lora);
        string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
        if (frozen is null || lora is null)
        {
            Summary = Count(name, [.. checkpoint.Manifest.Select(entry => entry.Spec)]);
            return;
        }

        Summary = Count($"{name}, adapters of rank {lora.Rank}", lora.Tensors(frozen.Model.Config));
        Base = new BaseSummary(Path.GetFullPath(folder), frozen.Digest, checkpoint.Manifest.ElementCount);
    }

    /// <summary>The job, which names the base where it trains adapters.</summary>
    public Job Job { get; }

    /// <summary>What travels.</summary>
    public ModelSummary Summary { get; }

    /// <summary>The base where that is adapters.</summary>
    public BaseSummary? Base { get; }

    /// <summary>The base in memory.</summary>
    public FrozenBase? Frozen { get; }

    /// <summary>Opens the model that a run starts from.</summary>
    /// <exception cref="UsageException">There is none, or it is not the base that the job names.</exception>
    /// <exception cref="TensorFormatException">A file is malformed.</exception>
    /// <exception cref="ModelFormatException">The config.json cannot be used.</exception>
    public static ExchangedModel Open(SimulationOptions options)
    {
        string folder = options.ModelFolder;
        if (!Directory.Exists(folder))
        {
            throw new UsageException($"{folder}: there is no such model folder; name one with 'model:' in the job file or with --model");
        }

        Job job = options.File.Job;
        Checkpoint checkpoint = Checkpoint.Open(folder);
        FrozenBase? frozen = null;
        try
        {
            if (job.Train.Lora is not { } lora)
            {
                if (options.Executors is null)
                {
                    LlamaModel.RequireFits(LlamaConfig.Load(folder), checkpoint.Manifest);
                }

                return new ExchangedModel(folder, job, checkpoint, null, null);
            }

            frozen = FrozenBase.Load(folder);
            if (lora.Base is { } expected && expected != frozen.Digest)
            {
                throw new UsageException($"{folder}: has the digest {frozen.Digest}, but train.lora.base in the job file is {expected}; give that model with --model, or mend the job file");
            }

            job = job with { Train = job.Train with { Lora = lora with { Base = frozen.Digest } } };
            var config = new LoraConfig { Rank = lora.Rank, Alpha = lora.Alpha, Targets = lora.Targets, Dropout = lora.Dropout };
            return new ExchangedModel(folder, job, checkpoint, frozen, config);
        }
        catch (Exception e)
        {
            frozen?.Dispose();
            checkpoint.Dispose();
            if (e is TensorFormatException)
            {
                throw new UsageException($"{folder}: {e.Message}", e);
            }

            throw;
        }
    }

    /// <summary>The model of round 0. Adapters are made for it, in the run's state, where a run that goes on finds them.</summary>
    public TensorSource Initial(RunFolder run, CancellationToken cancellationToken)
    {
        if (_lora is null)
        {
            return _checkpoint;
        }

        if (!File.Exists(run.InitialAdapters))
        {
            string target = Path.GetDirectoryName(run.InitialAdapters)!;
            PeftAdapter.WriteInitial(Frozen!.Model.Config, _lora, Job.Seed, Summary.Name, Frozen.Digest, target, cancellationToken);
        }

        return _initialAdapters ??= Checkpoint.Open(run.InitialAdapters);
    }

    /// <summary>Writes a global model as other programs read it: a checkpoint folder, or a folder of adapters in PEFT's layout.</summary>
    /// <param name="weights">Its safetensors file; null for the initial model.</param>
    /// <param name="run">The run.</param>
    /// <param name="target">The folder.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    public void Export(string? weights, RunFolder run, string target, CancellationToken cancellationToken)
    {
        using Checkpoint? opened = weights is null ? null : Checkpoint.Open(weights);
        TensorSource model = opened ?? Initial(run, cancellationToken);
        if (_lora is not null)
        {
            PeftAdapter.Write(model, _lora, Path.GetFileName(Base!.Path), Base.Digest, target, cancellationToken);
            return;
        }

        // In the types of the model that it was made from, whatever it was kept in.
        CheckpointCompanions.Copy(_folder, target);
        using var cast = new CastSource(model, spec => _checkpoint.Manifest[_checkpoint.Manifest.IndexOf(spec.Name)].Spec.DType);
        CheckpointWriter.Write(cast, target, cancellationToken: cancellationToken);
    }

    public void Dispose()
    {
        _initialAdapters?.Dispose();
        Frozen?.Dispose();
        _checkpoint.Dispose();
    }

    private static ModelSummary Count(string name, IReadOnlyList<TensorSpec> tensors)
    {
        long parameters = tensors.Sum(spec => spec.ElementCount);
        return new ModelSummary(name, tensors.Count, parameters, parameters * sizeof(float));
    }
}
