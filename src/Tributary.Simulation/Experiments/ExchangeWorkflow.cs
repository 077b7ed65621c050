using Tributary.Federation.Workflows;
using Tributary.Federation.Tasks;

namespace Tributary.Simulation.Experiments;

/// <summary>
/// The experiment's workflow: sends the model to all sites, once; or, round by round, has it come back changed and makes the weighted
/// mean the next global model. Nobody trains and no loss is known.
/// </summary>
/// <param name="roundTrip">Whether models come back.</param>
internal sealed class ExchangeWorkflow(bool roundTrip) : Controller
{
    /// <summary>The task to receive a model and return none.</summary>
    public const string Receive = "receive";

    public override async Task RunAsync(ControllerContext context, CancellationToken cancellationToken)
    {
        GlobalModel global = context.Latest;
        if (!roundTrip)
        {
            await context.BroadcastAsync(new TaskRequest(Receive, 1, global), cancellationToken);
            return;
        }

        for (int round = global.Round + 1; round <= context.Job.Rounds; round++)
        {
            GlobalModel sent = global;
            IReadOnlyList<SiteResult> results = await context.BroadcastAsync(new TaskRequest(TaskNames.Train, round, sent), cancellationToken);
            global = await context.SaveAsync(round, () => FedAvg.Average(sent, results), cancellationToken);
        }
    }
}
