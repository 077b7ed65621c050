using Tributary.Federation.Aggregation;
using Tributary.Federation.Messages;
using Tributary.Federation.Rounds;
using Tributary.Federation.Tasks;
using Tributary.Tensors;

namespace Tributary.Federation.Workflows;

/// <summary>
/// SCAFFOLD (Karimireddy et al. 2020, algorithm 1): beside the model travels a control variate, the mean direction in which all sites pull, so
/// that a site can take its own out of its steps. It takes twice the bytes, and helps where sites' data differ much.
/// </summary>
/// <remarks>The server's step size is 1, and updates weigh as their samples, as in <see cref="FedAvg"/>; the control variates weigh alike.</remarks>
public sealed class Scaffold : Controller
{
    /// <summary>Its name in job files.</summary>
    public const string Name = "scaffold";

    /// <summary>Stands before the names of the control variate's tensors in messages.</summary>
    public const string ControlPrefix = "scaffold.control.";

    private const string Control = "control";

    /// <inheritdoc/>
    public override async Task RunAsync(ControllerContext context, CancellationToken cancellationToken)
    {
        GlobalModel global = context.Latest;
        for (int round = global.Round + 1; round <= context.Job.Rounds; round++)
        {
            TensorSource control = Find(context, global);
            GlobalModel both = Join(global, control);
            var train = new TaskRequest(TaskNames.Train, round, both) { Sites = SiteDraw.Of(context.Job, round) };
            IReadOnlyList<SiteResult> results = await context.BroadcastAsync(train, cancellationToken);
            context.RecordLoss(global, HeldOutLoss.Of(round, results));

            TensorSource Change(SiteResult result) => result.Kind == MessageKind.Delta ? result.Update! : new DeltaSource(result.Update!, both.Weights);

            await context.KeepAsync(round, Control, () => new AppliedDelta(control, ControlChange(context, results, Change)), cancellationToken);
            GlobalModel received = global;
            global = await context.SaveAsync(round, () => new AppliedDelta(received.Weights, ModelChange(results, Change)), cancellationToken);
        }

        await Evaluate.FinalAsync(context, Join(global, Find(context, global)), cancellationToken);
    }

    /// <summary>The control variate beside a model: zero for the initial one.</summary>
    private static TensorSource Find(ControllerContext context, GlobalModel global) => global.Round == 0
        ? new ZeroSource(global.Weights)
        : context.FindKept(global.Round, Control) ?? throw new JobFailedException(
            $"the control variate of round {global.Round} is gone from the server's folder; put it back, or begin a new job");

    /// <summary>Sites get both in one message, also to evaluate, so that it is a change of what they hold.</summary>
    private static GlobalModel Join(GlobalModel global, TensorSource control) => new(global.Round, new JoinedSource(global.Weights, control, ControlPrefix));

    /// <summary>The sum of the sites' changes over the number of all sites, those included that were not drawn.</summary>
    private static WeightedMean ControlChange(ControllerContext context, IReadOnlyList<SiteResult> results, Func<SiteResult, TensorSource> change) =>
        new([.. results.Select(result => (JoinedSource.CompanionOf(change(result), ControlPrefix), 1.0))], context.Job.Sites.Count);

    private static WeightedMean ModelChange(IReadOnlyList<SiteResult> results, Func<SiteResult, TensorSource> change) =>
        new([.. results.Select(result => (JoinedSource.ModelOf(change(result), ControlPrefix), (double)result.Samples))]);
}
