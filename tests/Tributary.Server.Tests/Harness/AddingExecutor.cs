using System.Collections.Concurrent;
using Tributary.Federation.Tasks;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Server.Tests.Harness;

/// <summary>Trains by adding a number to every weight, so that a test knows what a round should come to.</summary>
internal sealed class AddingExecutor(float amount, long samples) : Executor
{
    /// <summary>What it was given to do, as <c>train 1</c>, in order.</summary>
    public ConcurrentQueue<string> Done { get; } = new();

    /// <summary>Awaited before the work is done.</summary>
    public Func<TaskData, CancellationToken, Task> Before { get; init; } = static (_, _) => Task.CompletedTask;

    /// <summary>What it returns in place of the trained model.</summary>
    public Func<TensorSource, TensorSource> Result { get; init; } = static trained => trained;

    public override async Task<TaskResult> ExecuteAsync(TaskData task, IProgress<TaskProgress> progress, CancellationToken cancellationToken)
    {
        Done.Enqueue($"{task.Name} {task.Round}");
        await Before(task, cancellationToken);
        var metrics = new Dictionary<string, double>
        {
            [MetricNames.ReceivedLoss] = Math.Abs(100 - task.Model.ReadFloats(task.Model.Manifest[0].Spec.Name)[0]),
            [MetricNames.HeldOutTokens] = 10,
        };
        return task.Name == TaskNames.Train
            ? new TaskResult(Result(Add(task.Model)), samples, metrics)
            : new TaskResult(null, 0, metrics);
    }

    private MemorySource Add(TensorSource model) => new([.. model.Manifest.Select((entry, place) => entry.Spec.DType.IsTrainable() ? Add(entry.Spec, model.ReadFloats(entry.Spec.Name)) : Copy(model, place))]);

    // Of one tile.
    private static (TensorSpec Spec, byte[] Data) Copy(TensorSource model, int place)
    {
        byte[] data = new byte[model.Manifest[place].ByteLength];
        model.Read(new Tile(place, 0), 0, data);
        return (model.Manifest[place].Spec, data);
    }

    private (TensorSpec Spec, byte[] Data) Add(TensorSpec spec, float[] values)
    {
        byte[] data = new byte[values.Length * spec.DType.Size()];
        DenseFloats.Narrow([.. values.Select(value => value + amount)], spec.DType, data);
        return (spec, data);
    }
}
