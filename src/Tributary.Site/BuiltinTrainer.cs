using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using Tributary.Federation.Jobs;
using Tributary.Federation.Tasks;
using Tributary.Training;

namespace Tributary.Site;

/// <summary>
/// The trainer inside: fine-tunes a Llama on the site's records with AdamW. The optimizer begins afresh every round.
/// </summary>
public sealed class BuiltinTrainer : Executor
{
    private readonly string _site;
    private readonly int _threads;
    private readonly LlamaConfig _config;
    private readonly InstructionDataset _train;
    private readonly InstructionDataset _heldOut;
    private LlamaModel? _model;

    /// <summary>Reads the site's records, so that what is wrong with them is known before a job starts.</summary>
    /// <param name="site">The site's name; it is part of what orders its records.</param>
    /// <param name="modelFolder">A folder with config.json, tokenizer.json and, where the job asks for it, the model's chat template.</param>
    /// <param name="dataPath">The site's records, JSONL.</param>
    /// <param name="recordsMax">Take only the first so many; null for all.</param>
    /// <param name="job">The job.</param>
    /// <param name="threads">The threads to train with.</param>
    /// <exception cref="TrainingDataException">The records cannot be used; the message names file and line.</exception>
    /// <exception cref="ModelFormatException">The model's folder cannot be used, or its model is too small for the job.</exception>
    public BuiltinTrainer(string site, string modelFolder, string dataPath, int? recordsMax, Job job, int threads)
    {
        _site = site;
        _threads = threads;
        _config = LlamaConfig.Load(modelFolder);
        Tokenizer tokenizer = LoadTokenizer(modelFolder, _config);
        if (job.Train.SequenceLength > _config.PositionsMax)
        {
            throw new ModelFormatException(
                $"train.sequence_length is {job.Train.SequenceLength}, but {modelFolder}/config.json allows at most {_config.PositionsMax} (max_position_embeddings)");
        }

        ChatTemplate? template = job.Train.Template == RecordTemplate.Chat ? ChatTemplate.Load(modelFolder, tokenizer) : null;
        InstructionDataset all = InstructionDataset.Load(dataPath, tokenizer, job.Train.SequenceLength, recordsMax, template);
        if (all.Count < 2)
        {
            throw new TrainingDataException($"{dataPath}: has only one record, so none can be held out to measure the loss on; give at least two");
        }

        (_train, _heldOut) = all.Split(job.HeldOut, job.Seed);
        TruncatedRecords = all.TruncatedCount;
    }

    /// <summary>The records whose prompt was cut to fit the sequence.</summary>
    public int TruncatedRecords { get; }

    /// <inheritdoc/>
    public override async Task<TaskResult> ExecuteAsync(TaskData task, IProgress<TaskProgress> progress, CancellationToken cancellationToken)
    {
        // Training computes for minutes without awaiting; the agent's own work goes on beside it.
        return await Task.Run(() => Execute(task, progress, cancellationToken), cancellationToken);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _model?.Dispose();
        base.Dispose(disposing);
    }

    private static Tokenizer LoadTokenizer(string modelFolder, LlamaConfig config)
    {
        Tokenizer tokenizer = Tokenizer.Load(modelFolder);
        try
        {
            tokenizer.RequireFits(config);
            return tokenizer;
        }
        catch (ModelFormatException e)
        {
            throw new ModelFormatException($"{modelFolder}: {e.Message}", e);
        }
    }

    private TaskResult Execute(TaskData task, IProgress<TaskProgress> progress, CancellationToken cancellationToken)
    {
        if (_model is null)
        {
            _model = LlamaModel.Load(_config, task.Model);
        }
        else
        {
            _model.CopyFrom(task.Model);
        }

        var metrics = new Dictionary<string, double>(StringComparer.Ordinal)
        {
            [MetricNames.TrainRecords] = _train.Count,
            [MetricNames.HeldOutRecords] = _heldOut.Count,
            [MetricNames.TruncatedRecords] = TruncatedRecords,
        };
        EvaluationResult received = Evaluate(metrics, progress, cancellationToken);
        metrics[MetricNames.ReceivedLoss] = received.MeanLoss;
        metrics[MetricNames.HeldOutTokens] = received.ResponseTokens;
        switch (task.Name)
        {
            case TaskNames.Evaluate:
                return new TaskResult(null, 0, metrics);
            case TaskNames.Train:
                Train(task, metrics, progress, cancellationToken);
                metrics[MetricNames.LocalLoss] = Evaluate(metrics, progress, cancellationToken).MeanLoss;
                return new TaskResult(_model.Weights, _train.Count, metrics);
            default:
                throw new TaskFailedException($"the built-in trainer knows no task '{task.Name}'; it knows {TaskNames.Train} and {TaskNames.Evaluate}");
        }
    }

    private EvaluationResult Evaluate(Dictionary<string, double> metrics, IProgress<TaskProgress> progress, CancellationToken cancellationToken)
    {
        progress.Report(new TaskProgress(TaskPhase.Evaluating));
        long start = Stopwatch.GetTimestamp();
        EvaluationResult result = Evaluator.Evaluate(_model!, _heldOut, _threads, cancellationToken);
        metrics[MetricNames.EvaluateSeconds] = metrics.GetValueOrDefault(MetricNames.EvaluateSeconds) + Stopwatch.GetElapsedTime(start).TotalSeconds;
        return double.IsFinite(result.MeanLoss)
            ? result
            : throw new TaskFailedException($"the held-out loss is {result.MeanLoss}; the model has diverged. Lower train.learning_rate in the job file");
    }

    private void Train(TaskData task, Dictionary<string, double> metrics, IProgress<TaskProgress> progress, CancellationToken cancellationToken)
    {
        JobTraining train = task.Job.Train;
        var options = new TrainingOptions
        {
            Epochs = train.Epochs,
            BatchSize = train.BatchSize,
            LearningRate = train.LearningRate,
            WeightDecay = train.WeightDecay,
            ClipNorm = train.ClipNorm,
            Seed = SeedOf(task),
            Threads = _threads,
        };
        long start = Stopwatch.GetTimestamp();
        try
        {
            TrainingResult result = Trainer.Train(_model!, _train, options, new StepRelay(progress), cancellationToken);
            metrics[MetricNames.TrainLoss] = result.MeanLoss;
            metrics[MetricNames.Tokens] = result.Tokens;
            metrics[MetricNames.TrainSeconds] = Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
        catch (TrainingDivergedException e)
        {
            throw new TaskFailedException($"the training loss is {e.Loss} at step {e.Step}. Lower train.learning_rate or train.clip_norm in the job file", e);
        }
    }

    /// <summary>A seed of this job, round and site alone, so that every run draws the same order and no two sites do.</summary>
    private ulong SeedOf(TaskData task) =>
        BitConverter.ToUInt64(SHA256.HashData(Encoding.UTF8.GetBytes($"{task.Job.Seed}/{task.Round}/{task.Step}/{_site}")));

    private sealed class StepRelay(IProgress<TaskProgress> progress) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => progress.Report(new TaskProgress(TaskPhase.Training, value.Step, value.Steps, value.Loss));
    }
}
