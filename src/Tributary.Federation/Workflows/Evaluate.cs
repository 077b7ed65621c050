using Tributary.Federation.Tasks;

namespace Tributary.Federation.Workflows;

/// <summary>Federated evaluation: each site measures the model on its own held-out records; nothing is trained.</summary>
public sealed class Evaluate : Controller
{
    /// <summary>Its name in job files.</summary>
    public const string Name = "evaluate";

    /// <summary>Measures the last model of a job at all its sites, in a round of its own after the last one, and records its loss.</summary>
    public static async Task FinalAsync(ControllerContext context, GlobalModel global, CancellationToken cancellationToken)
    {
        var evaluate = new TaskRequest(TaskNames.Evaluate, global.Round + 1, global);
        context.RecordLoss(global, HeldOutLoss.Of(evaluate.Round, await context.BroadcastAsync(evaluate, cancellationToken)));
    }

    /// <inheritdoc/>
    public override Task RunAsync(ControllerContext context, CancellationToken cancellationToken) => FinalAsync(context, context.Latest, cancellationToken);
}
