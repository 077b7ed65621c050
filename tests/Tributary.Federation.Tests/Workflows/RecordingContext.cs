using Tributary.Federation.Jobs;
using Tributary.Federation.Workflows;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Federation.Tests.Workflows;

/// <summary>A context without server and sites: answers with prepared results, and writes down what it is asked.</summary>
internal sealed class RecordingContext(Job job, GlobalModel latest, Func<TaskRequest, IReadOnlyList<SiteResult>> answer) : ControllerContext
{
    private readonly Dictionary<(int Round, string Name), TensorSource> _kept = [];

    public List<string> Calls { get; } = [];

    public Dictionary<int, double> Losses { get; } = [];

    public Dictionary<int, float[]> Saved { get; } = [];

    public override Job Job => job;

    public override GlobalModel Latest => latest;

    public override Task<IReadOnlyList<SiteResult>> BroadcastAsync(TaskRequest request, CancellationToken cancellationToken)
    {
        Calls.Add($"{request.Task} {request.Round}.{request.Step} with {request.Model.Round}");
        return Task.FromResult(answer(request));
    }

    public override Task<GlobalModel> SaveAsync(int round, Func<TensorSource> weights, CancellationToken cancellationToken)
    {
        Calls.Add($"save {round}");
        using TensorSource source = weights();
        Saved[round] = source.ReadFloats("w");
        return Task.FromResult(new GlobalModel(round, new MemorySource(MemorySource.F32("w", [Saved[round].Length], Saved[round]))));
    }

    public override Task<IReadOnlyList<SiteResult>> BufferAsync(TaskRequest request, int size, CancellationToken cancellationToken)
    {
        Calls.Add($"{request.Task} {request.Round}.{request.Step} with {request.Model.Round}, a buffer of {size}");
        return Task.FromResult(answer(request));
    }

    public override Task<TensorSource> KeepAsync(int round, string name, Func<TensorSource> source, CancellationToken cancellationToken)
    {
        Calls.Add($"keep {name} of {round}");
        if (!_kept.TryGetValue((round, name), out TensorSource? kept))
        {
            using TensorSource made = source();
            kept = new MemorySource([.. made.Manifest.Select(entry => MemorySource.F32(entry.Spec.Name, [made.ReadFloats(entry.Spec.Name).Length], made.ReadFloats(entry.Spec.Name)))]);
            _kept.Add((round, name), kept);
        }

        return Task.FromResult(kept);
    }

    public override TensorSource? FindKept(int round, string name) => _kept.GetValueOrDefault((round, name));

    public override void RecordLoss(GlobalModel model, double loss)
    {
        Calls.Add($"loss of {model.Round}");
        Losses[model.Round] = loss;
    }
}
