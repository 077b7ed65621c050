using Tributary.Federation.Aggregation;
using Tributary.Federation.Tasks;
using Tributary.Federation.Workflows;

namespace CustomWorkflow;

/// <summary>
/// A workflow of one's own: sites on whose records the model does badly weigh more (after q-FFL, Li et al. 2020), and the rounds end when the
/// loss does not fall any more.
/// </summary>
internal sealed class FairAveraging(double fairness) : Controller
{
    public override async Task RunAsync(ControllerContext context, CancellationToken cancellationToken)
    {
        GlobalModel global = context.Latest;
        double best = double.MaxValue;
        for (int round = global.Round + 1; round <= context.Job.Rounds; round++)
        {
            IReadOnlyList<SiteResult> results = await context.BroadcastAsync(new TaskRequest(TaskNames.Train, round, global), cancellationToken);
            double loss = HeldOutLoss.Of(round, results);
            context.RecordLoss(global, loss);
            if (loss >= best)
            {
                return;
            }

            best = loss;
            GlobalModel received = global;
            global = await context.SaveAsync(round, () => new AppliedDelta(received.Weights, Mean(results)), cancellationToken);
        }

        await Evaluate.FinalAsync(context, global, cancellationToken);
    }

    // Nothing is read here: the mean is a source, and is computed strip by strip when the new model is written.
    private WeightedMean Mean(IReadOnlyList<SiteResult> results) =>
        new([.. results.Select(result => (result.Update!, result.Samples * Math.Pow(result.Metrics[MetricNames.ReceivedLoss], fairness)))]);
}
