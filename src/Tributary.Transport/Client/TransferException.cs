namespace Tributary.Transport;

/// <summary>Which side a transfer failed on.</summary>
public enum TransferFailure
{
    /// <summary>Too little moved for too long; going on later may work.</summary>
    Stalled,

    /// <summary>The server said no, and would again.</summary>
    Refused,

    /// <summary>The object is not, or no longer, the one that was asked for.</summary>
    ObjectChanged,

    /// <summary>What the server said makes no sense.</summary>
    BadAnswer,

    /// <summary>A file here could not be read or written.</summary>
    LocalFile,
}

/// <summary>A transfer that failed. The message says how far it came; what is done is kept, and the same call goes on from there.</summary>
public sealed class TransferException : Exception
{
    /// <summary>Makes the error.</summary>
    public TransferException(TransferFailure failure, string message, Exception? inner = null)
        : base(message, inner)
    {
        Failure = failure;
    }

    /// <summary>Which side failed.</summary>
    public TransferFailure Failure { get; }

    /// <summary>The <c>type</c> of the problem document that the server answered with, see <see cref="ProblemTypes"/>; or null.</summary>
    public string? ProblemType { get; init; }

    /// <summary>How far the transfer had come.</summary>
    public TransferProgress Progress { get; init; }
}
