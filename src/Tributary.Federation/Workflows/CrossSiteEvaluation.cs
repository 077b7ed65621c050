using Tributary.Federation.Aggregation;
using Tributary.Federation.Rounds;
using Tributary.Federation.Tasks;

namespace Tributary.Federation.Workflows;

/// <summary>
/// Federated averaging, after whose last round every site's own model is measured by every site: which site's data helps, or misleads, whom.
/// </summary>
public sealed class CrossSiteEvaluation : Controller
{
    /// <summary>Its name in job files.</summary>
    public const string Name = "cross_site_evaluation";

    /// <inheritdoc/>
    public override async Task RunAsync(ControllerContext context, CancellationToken cancellationToken)
    {
        GlobalModel global = context.Latest;
        for (int round = global.Round + 1; round <= context.Job.Rounds; round++)
        {
            var train = new TaskRequest(TaskNames.Train, round, global) { Sites = SiteDraw.Of(context.Job, round) };
            IReadOnlyList<SiteResult> results = await context.BroadcastAsync(train, cancellationToken);
            context.RecordLoss(global, HeldOutLoss.Of(round, results));
            if (round == context.Job.Rounds)
            {
                await ExchangeAsync(context, global, results, cancellationToken);
            }

            global = await ServerUpdate.SaveAsync(context, round, global, results, cancellationToken);
        }

        await Evaluate.FinalAsync(context, global, cancellationToken);
    }

    /// <summary>Sends each site's model to all sites, one step for each, in the order of the sites' names.</summary>
    private static async Task ExchangeAsync(ControllerContext context, GlobalModel received, IReadOnlyList<SiteResult> results, CancellationToken cancellationToken)
    {
        for (int i = 0; i < results.Count; i++)
        {
            SiteResult trained = results[i];
            var model = new GlobalModel(trained.Round, FedAvg.Average(received, [trained]));
            await context.BroadcastAsync(new TaskRequest(TaskNames.Evaluate, trained.Round, model, Step: i + 1), cancellationToken);
        }
    }
}
