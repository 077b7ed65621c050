using Tributary.Federation.Aggregation;
using Tributary.Federation.Messages;
using Tributary.Federation.Tasks;
using Tributary.Tensors;

namespace Tributary.Federation.Workflows;

/// <summary>
/// Federated averaging (McMahan et al. 2017, algorithm 1): every round the sites train the global model on their own records, and the
/// mean of their updates, weighted by the number of records, makes the next one.
/// </summary>
public sealed class FedAvg : Controller
{
    /// <summary>The next global model: the mean of the updates, weighted by their samples; nothing is read yet.</summary>
    /// <param name="received">The model that the sites were sent.</param>
    /// <param name="results">Their results, each with an update.</param>
    /// <exception cref="TensorFormatException">The updates do not hold the same tensors.</exception>
    public static TensorSource Average(GlobalModel received, IReadOnlyList<SiteResult> results)
    {
        var mean = new WeightedMean([.. results.Select(result => (result.Update!, (double)result.Samples))]);
        return results[0].Kind == MessageKind.Delta ? new AppliedDelta(received.Weights, mean) : mean;
    }

    /// <inheritdoc/>
    public override async Task RunAsync(ControllerContext context, CancellationToken cancellationToken)
    {
        GlobalModel global = context.Latest;
        for (int round = global.Round + 1; round <= context.Job.Rounds; round++)
        {
            var train = new TaskRequest(TaskNames.Train, round, global);
            IReadOnlyList<SiteResult> results = await context.BroadcastAsync(train, cancellationToken);
            context.RecordLoss(global, HeldOutLoss(round, results));
            GlobalModel received = global;
            global = await context.SaveAsync(round, () => Average(received, results), cancellationToken);
        }

        var evaluate = new TaskRequest(TaskNames.Evaluate, context.Job.Rounds + 1, global);
        context.RecordLoss(global, HeldOutLoss(evaluate.Round, await context.BroadcastAsync(evaluate, cancellationToken)));
    }

    /// <summary>The loss of the model that the sites received, weighted by their held-out response tokens.</summary>
    private static double HeldOutLoss(int round, IReadOnlyList<SiteResult> results)
    {
        double tokens = results.Sum(result => Figure(round, result, MetricNames.HeldOutTokens));
        return tokens > 0
            ? results.Sum(result => Figure(round, result, MetricNames.ReceivedLoss) * Figure(round, result, MetricNames.HeldOutTokens)) / tokens
            : throw new JobFailedException($"round {round}: the sites' {MetricNames.HeldOutTokens} sum to {tokens}; at least one site should hold records out");
    }

    private static double Figure(int round, SiteResult result, string name) => result.Metrics.TryGetValue(name, out double figure)
        ? figure
        : throw new JobFailedException($"round {round}: the result of site '{result.Site}' lacks the figure '{name}'; its executor should measure the model it receives");
}
