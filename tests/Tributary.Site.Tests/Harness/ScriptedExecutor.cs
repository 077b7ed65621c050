using Tributary.Federation.Tasks;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Site.Tests.Harness;

/// <summary>Does what a test says.</summary>
internal sealed class ScriptedExecutor(Func<TaskData, IProgress<TaskProgress>, CancellationToken, Task<TaskResult>> execute) : Executor
{
    public static Dictionary<string, double> Metrics => new() { [MetricNames.ReceivedLoss] = 1, [MetricNames.HeldOutTokens] = 10 };

    /// <summary>Returns the model as it was received.</summary>
    public static ScriptedExecutor Obedient() => new((task, _, _) => Task.FromResult(Same(task)));

    /// <summary>Returns other tensors than it received.</summary>
    public static ScriptedExecutor Returning(params (TensorSpec, byte[])[] tensors) =>
        new((_, _, _) => Task.FromResult(new TaskResult(new MemorySource(tensors), 1, Metrics)));

    public static TaskResult Same(TaskData task) => task.Name == TaskNames.Train
        ? new TaskResult(new MemorySource([.. task.Model.Manifest.Select(entry => (entry.Spec, task.Model.ReadTensor(entry.Spec.Name)))]), 1, Metrics)
        : new TaskResult(null, 0, Metrics);

    public override Task<TaskResult> ExecuteAsync(TaskData task, IProgress<TaskProgress> progress, CancellationToken cancellationToken) =>
        execute(task, progress, cancellationToken);
}
