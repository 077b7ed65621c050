using System.Globalization;
using Tributary.Federation.Rounds;
using Tributary.Federation.Tasks;

namespace Tributary.Federation.Workflows;

/// <summary>
/// Cyclic weight transfer (Chang et al. 2018): in a round the model goes from site to site, each training what the one before it made. A site
/// that fails is passed over, where <c>min_sites</c> allows it.
/// </summary>
public sealed class Cyclic : Controller
{
    /// <summary>Its name in job files.</summary>
    public const string Name = "cyclic";

    /// <inheritdoc/>
    public override async Task RunAsync(ControllerContext context, CancellationToken cancellationToken)
    {
        GlobalModel global = context.Latest;
        for (int round = global.Round + 1; round <= context.Job.Rounds; round++)
        {
            // Measured by all sites before any trains, so that losses of rounds compare.
            var measure = new TaskRequest(TaskNames.Evaluate, round, global);
            context.RecordLoss(global, HeldOutLoss.Of(round, await context.BroadcastAsync(measure, cancellationToken)));
            GlobalModel travelling = await GoRoundAsync(context, round, global, cancellationToken);
            global = await context.SaveAsync(round, () => travelling.Weights, cancellationToken);
        }

        await Evaluate.FinalAsync(context, global, cancellationToken);
    }

    /// <summary>One round: the sites one after the other, in the order of their names.</summary>
    private static async Task<GlobalModel> GoRoundAsync(ControllerContext context, int round, GlobalModel model, CancellationToken cancellationToken)
    {
        IReadOnlyList<string> sites = SiteDraw.Of(context.Job, round);
        int trained = 0;
        for (int i = 0; i < sites.Count; i++)
        {
            var train = new TaskRequest(TaskNames.Train, round, model, Step: i + 1) { Sites = [sites[i]], MinSites = context.Job.MinSites is null ? 1 : 0 };
            IReadOnlyList<SiteResult> results = await context.BroadcastAsync(train, cancellationToken);
            if (results.Count > 0)
            {
                GlobalModel received = model;
                string name = string.Create(CultureInfo.InvariantCulture, $"after-{i + 1}");
                model = new GlobalModel(round, await context.KeepAsync(round, name, () => FedAvg.Average(received, results), cancellationToken));
                trained++;
            }
        }

        return trained >= (context.Job.MinSites ?? sites.Count)
            ? model
            : throw new JobFailedException($"round {round}: the model was trained by {trained} of {sites.Count} sites, and min_sites is {context.Job.MinSites}");
    }
}
