using Tributary.Federation.Aggregation;
using Tributary.Federation.Messages;
using Tributary.Federation.Rounds;
using Tributary.Federation.Tasks;
using Tributary.Tensors;

namespace Tributary.Federation.Workflows;

/// <summary>
/// Federated averaging (McMahan et al. 2017, algorithm 1): every round the sites train the global model on their own records, and the
/// mean of their updates, weighted by the number of records, makes the next one; or whatever else the job wants of the updates
/// (<see cref="ServerUpdate"/>).
/// </summary>
public sealed class FedAvg : Controller
{
    /// <summary>Its name in job files.</summary>
    public const string Name = "fedavg";

    /// <summary>The next global model: the mean of the updates, weighted by their samples; nothing is read yet.</summary>
    /// <param name="received">The model that the sites were sent.</param>
    /// <param name="results">Their results, each with an update.</param>
    /// <exception cref="TensorFormatException">The updates do not hold the same tensors.</exception>
    public static TensorSource Average(GlobalModel received, IReadOnlyList<SiteResult> results)
    {
        var mean = new WeightedMean([.. results.Select(result => (result.Update!, (double)result.Samples))]);
        return results[0].Kind == MessageKind.Delta ? new AppliedDelta(received.Weights, mean, isPartial: true) : TrainedTensors.Put(received.Weights, mean);
    }

    /// <inheritdoc/>
    public override async Task RunAsync(ControllerContext context, CancellationToken cancellationToken)
    {
        GlobalModel global = context.Latest;
        for (int round = global.Round + 1; round <= context.Job.Rounds; round++)
        {
            if (!context.BeginRound(round))
            {
                break;
            }

            var train = new TaskRequest(TaskNames.Train, round, global) { Sites = SiteDraw.Of(context.Job, round) };
            IReadOnlyList<SiteResult> results = await context.BroadcastAsync(train, cancellationToken);
            if (!context.Job.WithholdsFigures)
            {
                context.RecordLoss(global, HeldOutLoss.Of(round, results));
            }

            global = await ServerUpdate.SaveAsync(context, round, global, results, cancellationToken);
        }

        if (!context.Job.WithholdsFigures)
        {
            await Evaluate.FinalAsync(context, global, cancellationToken);
        }
    }
}
