using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using Tributary.Federation.Aggregation;
using Tributary.Federation.Jobs;
using Tributary.Federation.Tasks;
using Tributary.Federation.Workflows;
using Tributary.Site.Privacy;
using Tributary.Tensors;
using Tributary.Training;

namespace Tributary.Site;

/// <summary>
/// The trainer inside: fine-tunes a Llama on the site's records with AdamW. What it keeps between rounds, and while it trains, lies in its
/// work folder.
/// </summary>
public sealed class BuiltinTrainer : Executor
{
    private readonly BuiltinTrainerOptions _options;
    private readonly LlamaConfig _config;
    private readonly InstructionDataset _train;
    private readonly InstructionDataset _heldOut;
    private readonly TrainerFolder _folder;
    private readonly SitePrivacy _privacy;
    private TrainableModel? _model;
    private FrozenBase? _ownBase;
    private TrainingFiles? _trainedWith;
    private LocalControl? _control;

    /// <summary>Reads the site's records, so that what is wrong with them is known before a job starts.</summary>
    /// <param name="options">The site's side of it.</param>
    /// <param name="job">The job.</param>
    /// <exception cref="TrainingDataException">The records cannot be used; the message names file and line.</exception>
    /// <exception cref="ModelFormatException">The model's folder cannot be used, or its model is too small for the job.</exception>
    public BuiltinTrainer(BuiltinTrainerOptions options, Job job)
    {
        _options = options;
        _folder = new TrainerFolder(options.WorkFolder, job.Name);
        _privacy = new SitePrivacy(Path.Combine(options.WorkFolder, "privacy"), options.Site, options.Budget, options.Time);
        RecordReader reader = options.Reader ?? new RecordReader(options.ModelFolder, job.Train);
        _config = reader.Config;
        InstructionDataset all = options.Records ?? reader.Read(options.DataPath, options.RecordsMax);
        if (options.HeldOutPath is { } heldOut)
        {
            (_train, _heldOut) = (all, reader.Read(heldOut));
        }
        else if (all.Count < 2)
        {
            throw new TrainingDataException($"{options.DataPath}: has only one record, so none can be held out to measure the loss on; give at least two, or a file of held-out records");
        }
        else
        {
            (_train, _heldOut) = job.Privacy is { Unit: PrivacyUnit.Record } ? all.SplitByContent(job.HeldOut, job.Seed) : all.Split(job.HeldOut, job.Seed);
        }

        TruncatedRecords = all.TruncatedCount;
    }

    /// <summary>The records whose prompt was cut to fit the sequence.</summary>
    public int TruncatedRecords { get; }

    /// <inheritdoc/>
    public override async Task<TaskResult> ExecuteAsync(TaskData task, IProgress<TaskProgress> progress, CancellationToken cancellationToken)
    {
        if (TrainerOffer.Refuse(task.Job.Train, []) is { } refusal)
        {
            throw new TaskFailedException(refusal);
        }

        // Training computes for minutes without awaiting; the agent's own work goes on beside it.
        return await Task.Run(() => Execute(task, progress, cancellationToken), cancellationToken);
    }

    /// <inheritdoc/>
    public override void EndTask()
    {
        if (_options.TakesTurns)
        {
            _model?.Dispose();
            _model = null;
            _control?.Dispose();
            _control = null;
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _model?.Dispose();
        _control?.Dispose();
        _ownBase?.Dispose();
        _privacy.Dispose();
        base.Dispose(disposing);
    }

    private TaskResult Execute(TaskData task, IProgress<TaskProgress> progress, CancellationToken cancellationToken)
    {
        // The last round's result may be read until now.
        _control?.Dispose();
        _control = null;
        TensorSource weights = JoinedSource.ModelOf(task.Model, Scaffold.ControlPrefix);
        if (_model is null)
        {
            _model = task.Job.Train.Lora is { } lora ? LoadAdapters(lora, weights, cancellationToken) : LlamaModel.Load(_config, weights);
        }
        else
        {
            _model.CopyFrom(weights);
        }

        var metrics = new Dictionary<string, double>(StringComparer.Ordinal)
        {
            [MetricNames.TrainRecords] = _train.Count,
            [MetricNames.HeldOutRecords] = _heldOut.Count,
            [MetricNames.TruncatedRecords] = TruncatedRecords,
        };
        EvaluationResult received = Evaluate(metrics, progress, cancellationToken);
        metrics[MetricNames.ReceivedLoss] = received.MeanLoss;
        metrics[MetricNames.ReceivedPerplexity] = received.Perplexity;
        metrics[MetricNames.HeldOutTokens] = received.ResponseTokens;
        switch (task.Name)
        {
            case TaskNames.Evaluate:
                return new TaskResult(null, 0, metrics);
            case TaskNames.Train:
                Train(task, metrics, progress, cancellationToken);
                EvaluationResult trained = Evaluate(metrics, progress, cancellationToken);
                metrics[MetricNames.LocalLoss] = trained.MeanLoss;
                metrics[MetricNames.LocalPerplexity] = trained.Perplexity;
                return new TaskResult(Result(task), _train.Count, metrics);
            default:
                throw new TaskFailedException($"the built-in trainer knows no task '{task.Name}'; it knows {TaskNames.Train} and {TaskNames.Evaluate}");
        }
    }

    /// <summary>The trained weights, and with SCAFFOLD beside them the control variate that was received, moved as far as this site's own has.</summary>
    private TensorSource Result(TaskData task)
    {
        if (_trainedWith?.Control is not { } control)
        {
            return _model!.Weights;
        }

        _control = new LocalControl(control);
        return new JoinedSource(_model!.Weights, new AppliedDelta(control.Global, _control.Change), Scaffold.ControlPrefix);
    }

    /// <summary>Puts the adapters beside this site's base, if that is the one they are for.</summary>
    private LoraModel LoadAdapters(JobLora lora, TensorSource adapters, CancellationToken cancellationToken)
    {
        FrozenBase known = _options.Base ?? (_ownBase ??= FrozenBase.Load(_options.ModelFolder, cancellationToken));
        AdapterBase.Require(lora, known.Folder, known.Digest);
        var config = new LoraConfig { Rank = lora.Rank, Alpha = lora.Alpha, Targets = lora.Targets, Dropout = lora.Dropout };
        return LoraModel.Load(known.Model, config, adapters);
    }

    private EvaluationResult Evaluate(Dictionary<string, double> metrics, IProgress<TaskProgress> progress, CancellationToken cancellationToken)
    {
        progress.Report(new TaskProgress(TaskPhase.Evaluating));
        long start = Stopwatch.GetTimestamp();
        EvaluationResult result = Evaluator.Evaluate(_model!, _heldOut, _options.Threads, cancellationToken);
        metrics[MetricNames.EvaluateSeconds] = metrics.GetValueOrDefault(MetricNames.EvaluateSeconds) + Stopwatch.GetElapsedTime(start).TotalSeconds;
        return double.IsFinite(result.Perplexity)
            ? result
            : throw new TaskFailedException($"the held-out loss is {result.MeanLoss}; the model has diverged. Lower train.learning_rate in the job file");
    }

    private void Train(TaskData task, Dictionary<string, double> metrics, IProgress<TaskProgress> progress, CancellationToken cancellationToken)
    {
        TrainingOptions options = OptionsOf(task);
        TrainingFiles files = _folder.Begin(task);
        _trainedWith = files;
        long start = Stopwatch.GetTimestamp();
        try
        {
            TrainingResult result = Trainer.Train(_model!, _train, options, new StepRelay(progress), cancellationToken, files);
            metrics[MetricNames.TrainLoss] = result.MeanLoss;
            metrics[MetricNames.Steps] = result.Steps;
            metrics[MetricNames.Tokens] = result.Tokens;
            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            metrics[MetricNames.TrainSeconds] = seconds;
            metrics[MetricNames.TokensPerSecond] = result.Tokens / seconds;
        }
        catch (TrainingDivergedException e)
        {
            throw new TaskFailedException($"the training loss is {e.Loss} at step {e.Step}. Lower train.learning_rate or train.clip_norm in the job file", e);
        }
    }

    private TrainingOptions OptionsOf(TaskData task)
    {
        JobTraining train = task.Job.Train;
        return new TrainingOptions
        {
            Epochs = train.Epochs,
            BatchSize = train.BatchSize,
            GradientAccumulation = train.GradientAccumulation,
            LearningRate = train.LearningRate,
            Schedule = train.Schedule switch
            {
                JobSchedule.Linear => LearningRateSchedule.Linear,
                JobSchedule.Cosine => LearningRateSchedule.Cosine,
                _ => LearningRateSchedule.Constant,
            },
            WarmupSteps = train.WarmupSteps,
            WarmupRatio = train.WarmupRatio,
            ScheduleTrainings = task.Job.Rounds,
            ScheduleTraining = Math.Clamp(task.Round, 1, task.Job.Rounds) - 1,
            WeightDecay = train.WeightDecay,
            Decay = train.Decay switch
            {
                JobDecay.Matrices => WeightDecayScope.Matrices,
                JobDecay.All => WeightDecayScope.All,
                _ => WeightDecayScope.Linear,
            },
            IsFrozen = train.Freeze is null ? null : name => TrainedTensors.IsFrozen(train, name),
            ClipNorm = train.ClipNorm,
            ProximalMu = train.ProximalMu,
            EarlyStop = train.EarlyStop is { } rule ? new EarlyStop(_heldOut, rule.Every, rule.Patience) : null,
            Seed = SeedOf(task),
            Threads = _options.Threads,
            Private = PrivateOf(task),
        };
    }

    /// <summary>What hides the site's records where the job wants them hidden; it is entered in the ledger here, before anything is trained.</summary>
    private PrivateTraining? PrivateOf(TaskData task) => task.Job.Privacy is { Unit: PrivacyUnit.Record } privacy
        ? new PrivateTraining
        {
            ClipNorm = privacy.Clip,
            NoiseMultiplier = privacy.NoiseMultiplier,
            SamplingRate = privacy.SamplingRate ?? 1,
            Randomness = new KeyedRandomness(_privacy.Spend(task.Job, task.Round, TrainedTensors.Of(_model!.Weights, task.Job.Train).Manifest.ElementCount)),
        }
        : null;

    /// <summary>A seed of this job, round and site alone, so that every run draws the same order and no two sites do.</summary>
    private ulong SeedOf(TaskData task) =>
        BitConverter.ToUInt64(SHA256.HashData(Encoding.UTF8.GetBytes($"{task.Job.Seed}/{task.Round}/{task.Step}/{_options.Site}")));

    private sealed class StepRelay(IProgress<TaskProgress> progress) : IProgress<TrainingProgress>
    {
        private readonly long _start = Stopwatch.GetTimestamp();

        public void Report(TrainingProgress value) => progress.Report(
            new TaskProgress(TaskPhase.Training, value.Step, value.Steps, value.Loss, value.Tokens / Stopwatch.GetElapsedTime(_start).TotalSeconds));
    }
}
