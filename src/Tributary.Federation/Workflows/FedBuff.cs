using Tributary.Federation.Aggregation;
using Tributary.Federation.Jobs;
using Tributary.Federation.Tasks;
using Tributary.Tensors;

namespace Tributary.Federation.Workflows;

/// <summary>
/// Buffered asynchronous aggregation (Nguyen et al. 2022, FedBuff): no site waits for another. Each trains the newest model there is when it
/// asks; whenever so many changes have come in, whichever models they are of, their mean makes the next one.
/// </summary>
public sealed class FedBuff : Controller
{
    /// <summary>Its name in job files.</summary>
    public const string Name = "fedbuff";

    /// <summary>The next global model: changes weighted by their samples, those of older models less.</summary>
    /// <param name="global">The newest model.</param>
    /// <param name="changes">The buffer.</param>
    /// <param name="buffer">How it weighs.</param>
    /// <remarks>Weights are not made to sum to one again: a buffer of stale changes moves the model less, as in the paper.</remarks>
    public static TensorSource Apply(GlobalModel global, IReadOnlyList<SiteResult> changes, JobBuffer buffer)
    {
        double Fresh(SiteResult change) => Math.Pow(1 + (global.Round + 1 - change.Round), -buffer.StalenessExponent);

        double total = changes.Sum(change => (double)change.Samples);
        return new AppliedDelta(global.Weights, new WeightedMean([.. changes.Select(change => (change.Update!, change.Samples * Fresh(change)))], total), isPartial: true);
    }

    /// <inheritdoc/>
    public override async Task RunAsync(ControllerContext context, CancellationToken cancellationToken)
    {
        JobBuffer buffer = context.Job.Buffer ?? new JobBuffer(Math.Max(1, (context.Job.Sites.Count + 1) / 2));
        GlobalModel global = context.Latest;
        for (int round = global.Round + 1; round <= context.Job.Rounds; round++)
        {
            IReadOnlyList<SiteResult> changes = await context.BufferAsync(new TaskRequest(TaskNames.Train, round, global), buffer.Size, cancellationToken);
            if (changes.Where(change => change.Round == round).ToArray() is { Length: > 0 } fresh)
            {
                context.RecordLoss(global, HeldOutLoss.Of(round, fresh));
            }

            GlobalModel newest = global;
            global = await context.SaveAsync(round, () => Apply(newest, changes, buffer), cancellationToken);
        }

        await Evaluate.FinalAsync(context, global, cancellationToken);
    }
}
