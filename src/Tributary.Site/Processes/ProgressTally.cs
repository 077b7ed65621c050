using Tributary.Federation.Tasks;

namespace Tributary.Site.Processes;

/// <summary>Passes on how far a task has come, and keeps what was told of it for the figures of the result.</summary>
internal sealed class ProgressTally(TaskPhase phase, IProgress<TaskProgress> progress)
{
    private long _step;
    private double? _tokensPerSecond;
    private double _lossSum;
    private long _losses;

    public void Add(TrainerProgress said)
    {
        _step = said.Step;
        _tokensPerSecond = said.TokensPerSecond ?? _tokensPerSecond;
        if (said.Loss is { } loss && double.IsFinite(loss))
        {
            _lossSum += loss;
            _losses++;
        }

        progress.Report(new TaskProgress(phase, said.Step, said.Steps, said.Loss, _tokensPerSecond));
    }

    /// <summary>The result's figures, and those that it does not give, as far as they are known from the way to it.</summary>
    public Dictionary<string, double> Complete(Dictionary<string, double> metrics, double seconds)
    {
        if (_step > 0)
        {
            metrics.TryAdd(MetricNames.Steps, _step);
        }

        if (_tokensPerSecond is { } speed && double.IsFinite(speed))
        {
            metrics.TryAdd(MetricNames.TokensPerSecond, speed);
        }

        if (phase == TaskPhase.Training && _losses > 0)
        {
            metrics.TryAdd(MetricNames.TrainLoss, _lossSum / _losses);
        }

        metrics.TryAdd(phase == TaskPhase.Training ? MetricNames.TrainSeconds : MetricNames.EvaluateSeconds, seconds);
        return metrics;
    }
}
