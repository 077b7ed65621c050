namespace Tributary.Site.Processes;

/// <summary>A trainer's process did what it should not. The message goes on after its name: "ended with exit code 3".</summary>
internal sealed class TrainerFaultException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Whether the process itself is well, and can take the next task.</summary>
    public bool ProcessIsWell { get; init; }
}
