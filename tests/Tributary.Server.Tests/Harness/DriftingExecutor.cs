using System.Collections.Concurrent;
using Tributary.Federation.Aggregation;
using Tributary.Federation.Tasks;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Server.Tests.Harness;

/// <summary>Trains by adding other noise to every weight in each round, and in each attempt, and remembers what it added last in a round.</summary>
internal sealed class DriftingExecutor(int site) : Executor
{
    private int _seed = 1000 * site;

    /// <summary>By round the change that it returned last.</summary>
    public ConcurrentDictionary<int, MemorySource> Changes { get; } = new();

    /// <summary>The values of the model's last tensor as it returned them last.</summary>
    public float[] Trained { get; private set; } = [];

    /// <summary>The records that it says it has trained on.</summary>
    public long Samples { get; init; } = 1;

    /// <summary>By round how much larger than usual its change is.</summary>
    public Func<int, float> Scale { get; init; } = static _ => 1;

    /// <summary>Awaited before the work is done.</summary>
    public Func<TaskData, CancellationToken, Task> Before { get; init; } = static (_, _) => Task.CompletedTask;

    public override async Task<TaskResult> ExecuteAsync(TaskData task, IProgress<TaskProgress> progress, CancellationToken cancellationToken)
    {
        await Before(task, cancellationToken);
        var metrics = new Dictionary<string, double> { [MetricNames.ReceivedLoss] = 1, [MetricNames.HeldOutTokens] = 10, [MetricNames.TrainRecords] = Samples };
        if (task.Name == TaskNames.Evaluate)
        {
            return new TaskResult(null, 0, metrics);
        }

        int seed = ++_seed;
        var change = new MemorySource([.. task.Model.Manifest.Select(entry => MemorySource.Gaussian(entry.Spec.Name, DType.F32, [.. entry.Spec.Shape], seed, 0.01f * Scale(task.Round)))]);
        Changes[task.Round] = change;
        var trained = new AppliedDelta(task.Model, change);
        Trained = trained.ReadFloats(trained.Manifest[^1].Spec.Name);
        return new TaskResult(trained, Samples, metrics);
    }
}
