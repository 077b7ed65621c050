namespace Tributary.Federation.Tasks;

/// <summary>What a site is doing.</summary>
public enum TaskPhase
{
    /// <summary>Nothing yet.</summary>
    Waiting,

    /// <summary>Nothing before a person at the site has said yes to the job.</summary>
    AwaitingApproval,

    /// <summary>Receiving the message.</summary>
    Downloading,

    /// <summary>Measuring a held-out loss.</summary>
    Evaluating,

    /// <summary>Training.</summary>
    Training,

    /// <summary>Encoding and sending the result.</summary>
    Uploading,

    /// <summary>The result is with the server.</summary>
    Done,
}

/// <summary>How far a site has come with a task.</summary>
/// <param name="Phase">What it is doing.</param>
/// <param name="Done">Steps, records or bytes done in this phase.</param>
/// <param name="Total">Steps, records or bytes of this phase; 0 while unknown.</param>
/// <param name="Loss">The latest loss, where there is one.</param>
/// <param name="TokensPerSecond">Tokens trained on in a second, where it is known.</param>
/// <param name="Note">What the site waits for, in words; null where there is nothing to say.</param>
public sealed record TaskProgress(TaskPhase Phase, long Done = 0, long Total = 0, double? Loss = null, double? TokensPerSecond = null, string? Note = null);

/// <summary>Phases in words.</summary>
public static class TaskPhaseText
{
    /// <summary>A phase as people read it, such as <c>training</c>.</summary>
    public static string Text(this TaskPhase phase) => phase == TaskPhase.AwaitingApproval ? "awaiting approval" : phase.ToString().ToLowerInvariant();
}
