using Tributary.Tensors.Safetensors;
using Tributary.Training.Memory;

namespace Tributary.Training.Optimization;

/// <summary>One training: its memory, and where it is.</summary>
internal sealed class TrainingRun : IDisposable
{
    private readonly TrainableModel _model;
    private readonly InstructionDataset _dataset;
    private readonly TrainingOptions _options;
    private readonly TrainingFiles _files;
    private readonly int _stepSize;
    private readonly int _epochSteps;
    private readonly int _stepsMax;
    private readonly Workers _workers;
    private readonly LlamaPass _pass;
    private readonly ParameterSet _gradients;
    private readonly ParameterSet _trained;
    private readonly ParameterSet _trainedGradients;
    private readonly AdamW _optimizer;
    private readonly ProximalTerm? _proximal;
    private readonly GradientCorrection? _correction;
    private readonly BestModel? _best;
    private readonly TrainingCheckpoint? _checkpoint;
    private readonly TokenBatch _batch;
    private readonly SplitMix64 _random;
    private readonly int[] _order;
    private TrainingTotals _totals;

    /// <summary>Allocates all that every step needs.</summary>
    public TrainingRun(TrainableModel model, InstructionDataset dataset, TrainingOptions options, TrainingFiles files)
    {
        (_model, _dataset, _options, _files) = (model, dataset, options, files);
        int batchSize = Math.Min(options.BatchSize, dataset.Count);
        _stepSize = (int)Math.Min((long)batchSize * options.GradientAccumulation, dataset.Count);
        _epochSteps = (dataset.Count + _stepSize - 1) / _stepSize;
        _stepsMax = (int)Math.Min(options.StepsMax ?? int.MaxValue, (long)_epochSteps * options.Epochs);
        int rowsMax = dataset.RowsMax(batchSize);
        _workers = new Workers(options.Threads);
        _pass = new LlamaPass(model, rowsMax, dataset.SequenceLength, forTraining: true, _workers);
        _gradients = model.NewGradients();
        _trained = options.IsFrozen is { } isFrozen ? ParameterSet.Of(model.Trained, name => !isFrozen(name)) : model.Trained;
        _trainedGradients = options.IsFrozen is { } without ? ParameterSet.Of(_gradients, name => !without(name)) : _gradients;
        _optimizer = new AdamW(_trained, options);
        _batch = new TokenBatch(batchSize, rowsMax);
        _random = new SplitMix64(options.Seed);
        _order = [.. Enumerable.Range(0, dataset.Count)];
        _proximal = options.ProximalMu > 0 ? new ProximalTerm(_trained, options.ProximalMu) : null;
        _correction = files.Control is { } control ? new GradientCorrection(_trained, control) : null;
        _best = options.EarlyStop is { } rule ? new BestModel(rule, model, options.Threads) : null;
        _checkpoint = files.Checkpoint is { } path ? new TrainingCheckpoint(path, files.CheckpointEvery, model, dataset, options) : null;
    }

    /// <summary>Trains to the end.</summary>
    public TrainingResult Train(IProgress<TrainingProgress>? progress, CancellationToken cancellationToken)
    {
        int resumed = Begin(cancellationToken);
        while (_totals.Steps < _stepsMax && _best is not { IsStale: true })
        {
            cancellationToken.ThrowIfCancellationRequested();
            TrainingTotals before = _totals;
            Step();
            progress?.Report(new TrainingProgress(
                _totals.Steps, _stepsMax, (_totals.LossSum - before.LossSum) / (_totals.Responses - before.Responses), _totals.Tokens));
            _best?.Look(_totals.Steps, _totals.Steps == _stepsMax, cancellationToken);
            _checkpoint?.Write(_totals, _model, _optimizer, _best);
        }

        bool stopped = _totals.Steps < _stepsMax;
        _best?.Restore();
        _correction?.Write(_totals.Steps);
        if (_files.OptimizerTo is { } to)
        {
            OptimizerFile.Write(to, _optimizer);
        }

        return new TrainingResult(_totals.LossSum / _totals.Responses, _totals.Steps, _totals.Samples, _totals.Tokens, _totals.Responses)
        {
            StoppedEarly = stopped,
            StepsResumed = resumed,
        };
    }

    public void Dispose()
    {
        _best?.Dispose();
        _correction?.Dispose();
        _proximal?.Dispose();
        _optimizer.Dispose();
        _gradients.Dispose();
        _pass.Dispose();
        _workers.Dispose();
    }

    /// <summary>Takes over what an earlier process or training left; returns the steps that need not be done again.</summary>
    private int Begin(CancellationToken cancellationToken)
    {
        _totals = _checkpoint?.Resume(_model, _optimizer, _best) ?? default;
        if (_totals.Steps == 0)
        {
            if (_files.OptimizerFrom is { } from)
            {
                using SafetensorsFile file = SafetensorsFile.Open(from);
                OptimizerFile.Read(file, _optimizer);
            }

            _best?.Look(0, isLast: false, cancellationToken);
        }

        // The order of the records is where it was: every epoch that has begun has shuffled once.
        for (int step = 0; step < _totals.Steps; step += _epochSteps)
        {
            _random.Shuffle(_order);
        }

        return _totals.Steps;
    }

    /// <summary>One step: the gradients of its batches together, then the optimizer.</summary>
    private void Step()
    {
        int first = _totals.Steps % _epochSteps * _stepSize;
        if (first == 0)
        {
            _random.Shuffle(_order);
        }

        ReadOnlySpan<int> chosen = _order.AsSpan(first, Math.Min(_stepSize, _order.Length - first));
        int responses = _dataset.Responses(chosen);
        long tokens = 0;
        double loss = 0;
        _gradients.Clear();
        ulong draws = SplitMix64.Mix(SplitMix64.Mix(_options.Seed) + (ulong)_totals.Steps);
        for (int begin = 0; begin < chosen.Length; begin += _options.BatchSize)
        {
            tokens += _dataset.FillBatch(_batch, chosen[begin..Math.Min(chosen.Length, begin + _options.BatchSize)]);
            loss += _pass.LossAndGradients(_batch, _gradients, responses, SplitMix64.Mix(draws + (ulong)(begin / _options.BatchSize)));
        }

        _correction?.Apply(_trainedGradients, _workers);
        _proximal?.AddGradients(_trained, _trainedGradients, _workers);
        double norm = GradientNorm.Of(_trainedGradients);
        if (!double.IsFinite(loss) || !double.IsFinite(norm))
        {
            throw new TrainingDivergedException(_totals.Steps + 1, loss / responses, norm);
        }

        float scale = _options.ClipNorm > 0 && norm > _options.ClipNorm ? (float)(_options.ClipNorm / norm) : 1;
        _optimizer.Step(_trained, _trainedGradients, LearningRate(), scale, _workers);
        _totals = new TrainingTotals(
            _totals.Steps + 1, _totals.LossSum + loss, _totals.Samples + chosen.Length, _totals.Tokens + tokens, _totals.Responses + responses);
    }

    private double LearningRate()
    {
        long total = (long)_stepsMax * _options.ScheduleTrainings, step = ((long)_stepsMax * _options.ScheduleTraining) + _totals.Steps;
        long warmup = _options.WarmupRatio > 0 ? (long)Math.Ceiling(_options.WarmupRatio * total) : _options.WarmupSteps;
        return _options.LearningRate * _options.Schedule.Factor(step, warmup, total);
    }
}
