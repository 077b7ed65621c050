using Tributary.Federation.Tasks;
using Tributary.Federation.Workflows;
using Tributary.Tensors;

namespace Tributary.Server.Tests.Harness;

/// <summary>Federated averaging, of whose merges a test may do what it likes with.</summary>
/// <param name="merge">Given the round and its mean, gives what is merged.</param>
internal sealed class Averaging(Func<int, TensorSource, TensorSource>? merge = null) : Controller
{
    public override async Task RunAsync(ControllerContext context, CancellationToken cancellationToken)
    {
        GlobalModel global = context.Latest;
        for (int round = global.Round + 1; round <= context.Job.Rounds; round++)
        {
            GlobalModel received = global;
            IReadOnlyList<SiteResult> results = await context.BroadcastAsync(new TaskRequest(TaskNames.Train, round, received), cancellationToken);
            int merged = round;
            global = await context.SaveAsync(round, () => Merge(merged, FedAvg.Average(received, results)), cancellationToken);
        }

        await Evaluate.FinalAsync(context, global, cancellationToken);
    }

    private TensorSource Merge(int round, TensorSource mean) => merge?.Invoke(round, mean) ?? mean;
}
