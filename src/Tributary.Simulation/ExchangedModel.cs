using Tributary.Federation.Aggregation;
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
public sealed class ExchangedModel : IDisposable
{
    private readonly string _folder;
    private readonly Checkpoint _checkpoint;
    private readonly LoraConfig? _lora;
    private Checkpoint? _initialAdapters;

    private ExchangedModel(string folder, Job job, Checkpoint checkpoint)
    {
        (_folder, Job, _checkpoint) = (folder, job, checkpoint);
        Summary = Count(Name(folder), [.. checkpoint.Manifest.Select(entry => entry.Spec)]);
    }

    private ExchangedModel(string folder, Job job, Checkpoint checkpoint, LoraConfig lora, string digest, FrozenBase? frozen)
    {
        (_folder, Job, _checkpoint, _lora, Frozen) = (folder, job, checkpoint, lora, frozen);
        Summary = Count($"{Name(folder)}, adapters of rank {lora.Rank}", lora.Tensors(LlamaConfig.Load(folder)));
        Base = new BaseSummary(Path.GetFullPath(folder), digest, checkpoint.Manifest.ElementCount);
    }

    /// <summary>The job, which names the base where it trains adapters.</summary>
    public Job Job { get; }

    /// <summary>What travels.</summary>
    public ModelSummary Summary { get; }

    /// <summary>The base where that is adapters.</summary>
    public BaseSummary? Base { get; }

    /// <summary>The base in memory, where it is the trainer inside that trains beside it.</summary>
    internal FrozenBase? Frozen { get; }

    /// <summary>Opens the model that a job starts from.</summary>
    /// <param name="folder">The checkpoint folder.</param>
    /// <param name="job">The job.</param>
    /// <param name="isTrainedInside">Whether the trainer inside has to be able to train it.</param>
    /// <param name="holdsBase">Whether a base of adapters is read into memory, for those who train beside it.</param>
    /// <exception cref="UsageException">There is none, or it is not the base that the job names.</exception>
    /// <exception cref="TensorFormatException">A file is malformed.</exception>
    /// <exception cref="ModelFormatException">The config.json cannot be used.</exception>
    public static ExchangedModel Open(string folder, Job job, bool isTrainedInside, bool holdsBase)
    {
        if (!Directory.Exists(folder))
        {
            throw new UsageException($"{folder}: there is no such model folder; name one with 'model:' in the job file or with --model");
        }

        Checkpoint checkpoint = Checkpoint.Open(folder);
        FrozenBase? frozen = null;
        try
        {
            if (isTrainedInside)
            {
                LlamaModel.RequireFits(LlamaConfig.Load(folder), checkpoint.Manifest);
            }

            if (TrainedTensors.Refuse(job.Train, checkpoint.Manifest) is { } unfit)
            {
                throw new UsageException(unfit);
            }

            if (job.Train.Lora is not { } lora)
            {
                return new ExchangedModel(folder, job, checkpoint);
            }

            frozen = isTrainedInside && holdsBase ? FrozenBase.Load(folder) : null;
            string digest = frozen?.Digest ?? CheckpointDigest.Of(checkpoint);
            if (lora.Base is { } expected && expected != digest)
            {
                throw new UsageException($"{folder}: has the digest {digest}, but train.lora.base in the job file is {expected}; give that model with --model, or mend the job file");
            }

            job = job with { Train = job.Train with { Lora = lora with { Base = digest } } };
            var config = new LoraConfig { Rank = lora.Rank, Alpha = lora.Alpha, Targets = lora.Targets, Dropout = lora.Dropout };
            return new ExchangedModel(folder, job, checkpoint, config, digest, frozen);
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

    /// <summary>The model of round 0. Adapters are made for it, where a run that goes on finds them.</summary>
    /// <param name="adapters">Where adapters lie or are made: the path of their weights.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    public TensorSource Initial(string adapters, CancellationToken cancellationToken)
    {
        if (_lora is null)
        {
            return _checkpoint;
        }

        if (!File.Exists(adapters))
        {
            string target = Path.GetDirectoryName(adapters)!;
            PeftAdapter.WriteInitial(LlamaConfig.Load(_folder), _lora, Job.Seed, Name(_folder), Base!.Digest, target, cancellationToken);
        }

        return _initialAdapters ??= Checkpoint.Open(adapters);
    }

    /// <summary>Writes a global model as other programs read it: a checkpoint folder, or a folder of adapters in PEFT's layout.</summary>
    /// <param name="weights">Its safetensors file; null for the initial model.</param>
    /// <param name="adapters">Where initial adapters lie or are made.</param>
    /// <param name="target">The folder.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    public void Export(string? weights, string adapters, string target, CancellationToken cancellationToken)
    {
        using Checkpoint? opened = weights is null ? null : Checkpoint.Open(weights);
        TensorSource model = opened ?? Initial(adapters, cancellationToken);
        if (_lora is not null)
        {
            PeftAdapter.Write(model, _lora, Name(_folder), Base!.Digest, target, cancellationToken);
            return;
        }

        // In the types of the model that it was made from, whatever it was kept in.
        CheckpointCompanions.Copy(_folder, target);
        using var cast = new CastSource(model, spec => _checkpoint.Manifest[_checkpoint.Manifest.IndexOf(spec.Name)].Spec.DType);
        CheckpointWriter.Write(cast, target, cancellationToken: cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _initialAdapters?.Dispose();
        Frozen?.Dispose();
        _checkpoint.Dispose();
    }

    private static string Name(string folder) => Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));

    private static ModelSummary Count(string name, IReadOnlyList<TensorSpec> tensors)
    {
        long parameters = tensors.Sum(spec => spec.ElementCount);
        return new ModelSummary(name, tensors.Count, parameters, parameters * sizeof(float));
    }
}
