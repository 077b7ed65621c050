using Tributary.Federation.Tasks;
using Tributary.Tensors;

namespace CustomExecutor;

/// <summary>An executor of one's own: a site that fits y = w x + b to its measurements by gradient descent. It never sees a message, a precision or the wire.</summary>
internal sealed class RegressionExecutor((float X, float Y)[] measurements) : Executor
{
    public override Task<TaskResult> ExecuteAsync(TaskData task, IProgress<TaskProgress> progress, CancellationToken cancellationToken)
    {
        float w = task.Model.ReadFloats("w")[0], b = task.Model.ReadFloats("b")[0];
        var metrics = new Dictionary<string, double> { [MetricNames.ReceivedLoss] = Loss(w, b), [MetricNames.HeldOutTokens] = measurements.Length };
        if (task.Name == TaskNames.Evaluate)
        {
            return Task.FromResult(new TaskResult(null, 0, metrics));
        }

        const int Steps = 20;
        for (int step = 1; step <= Steps; step++)
        {
            float gradientOfW = measurements.Average(point => 2 * ((w * point.X) + b - point.Y) * point.X);
            float gradientOfB = measurements.Average(point => 2 * ((w * point.X) + b - point.Y));
            (w, b) = (w - (0.05f * gradientOfW), b - (0.05f * gradientOfB));
            progress.Report(new TaskProgress(TaskPhase.Training, step, Steps, Loss(w, b)));
        }

        metrics[MetricNames.LocalLoss] = metrics[MetricNames.TrainLoss] = Loss(w, b);
        var trained = new ArraySource(("b", new TensorShape(1), [b]), ("w", new TensorShape(1), [w]));
        return Task.FromResult(new TaskResult(trained, measurements.Length, metrics));
    }

    private double Loss(float w, float b) => measurements.Average(point => Math.Pow((w * point.X) + b - point.Y, 2));
}
