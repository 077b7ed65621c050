using Tributary.Federation.Jobs;
using Tributary.Federation.Workflows;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Federation.Tests.Workflows;

/// <summary>A context without server and sites: answers with prepared results, and writes down what it is asked.</summary>
internal sealed class RecordingContext(Job job, GlobalModel latest, Func<TaskRequest, IReadOnlyList<SiteResult>> answer) : ControllerContext
{
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

    public override void RecordLoss(GlobalModel model, double loss)
    {
        Calls.Add($"loss of {model.Round}");
        Losses[model.Round] = loss;
    }
}
