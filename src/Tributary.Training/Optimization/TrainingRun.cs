using Tributary.Tensors.Safetensors;
using Tributary.Training.Memory;

namespace Tributary.Training.Optimization;

/// <summary>One training: its memory, and where it is.</summary>
internal sealed class TrainingRun : IDisposable
{
    private readonly TrainableModel _model;
    private readonly TrainingOptions _options;
    private readonly TrainingFiles _files;
    private readonly int _stepsMax;
    private readonly Workers _workers;
    private readonly StepGradients _gradients;
    private readonly ParameterSet _trained;
    private readonly AdamW _optimizer;
    private readonly ProximalTerm? _proximal;
    private readonly GradientCorrection? _correction;
    private readonly BestModel? _best;
    private readonly TrainingCheckpoint? _checkpoint;
    private TrainingTotals _totals;

    /// <summary>Allocates all that every step needs.</summary>
    public TrainingRun(TrainableModel model, InstructionDataset dataset, TrainingOptions options, TrainingFiles files)
    {
        (_model, _options, _files) = (model, options, files);
        _workers = new Workers(options.Threads);
        _gradients = StepGradients.Create(model, dataset, options, _workers);
        _stepsMax = (int)Math.Min(options.StepsMax ?? int.MaxValue, _gradients.Steps);
        _trained = options.IsFrozen is { } isFrozen ? ParameterSet.Of(model.Trained, name => !isFrozen(name)) : model.Trained;
        _optimizer = new AdamW(_trained, options);
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
            TrainingTotals step = Step();
            _totals = _totals.Plus(step);
            progress?.Report(new TrainingProgress(_totals.Steps, _stepsMax, step.MeanLoss, _totals.Tokens));
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

        return new TrainingResult(_totals.MeanLoss, _totals.Steps, _totals.Samples, _totals.Tokens, _totals.Responses)
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

        _gradients.Skip(_totals.Steps);
        return _totals.Steps;
    }

    /// <summary>One step: the gradient of its records, then the optimizer. Returns what it was made of; totals are the caller's.</summary>
    private TrainingTotals Step()
    {
        TrainingTotals step = _gradients.Compute(_totals.Steps);
        ParameterSet gradients = _gradients.Result;
        _correction?.Apply(gradients, _workers);
        _proximal?.AddGradients(_trained, gradients, _workers);
        double norm = GradientNorm.Of(gradients);
        if (!double.IsFinite(step.LossSum) || !double.IsFinite(norm))
        {
            throw new TrainingDivergedException(_totals.Steps + 1, step.MeanLoss, norm);
        }

        float scale = _options.ClipNorm > 0 && norm > _options.ClipNorm ? (float)(_options.ClipNorm / norm) : 1;
        _optimizer.Step(_trained, gradients, LearningRate(), scale, _workers);
        return step;
    }

    private double LearningRate()
    {
        long total = (long)_stepsMax * _options.ScheduleTrainings, step = ((long)_stepsMax * _options.ScheduleTraining) + _totals.Steps;
        long warmup = _options.WarmupRatio > 0 ? (long)Math.Ceiling(_options.WarmupRatio * total) : _options.WarmupSteps;
        return _options.LearningRate * _options.Schedule.Factor(step, warmup, total);
    }
}
