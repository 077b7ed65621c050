namespace Tributary.Transport;

/// <summary>How the client half moves objects.</summary>
public sealed record TransferOptions
{
    /// <summary>How many parts of one transfer are under way at the same time, each on a connection. 1 to 64; default 4.</summary>
    public int Connections { get; init; } = 4;

    /// <summary>
    /// What a transfer must keep up before it is given up, over all its connections; waiting for an encoder does not count. Also the
    /// time for which a server may be away. Default: 1 MiB within 2 minutes.
    /// </summary>
    public ProgressRule Progress { get; init; } = new(1 << 20, TimeSpan.FromMinutes(2));

    /// <summary>The wait before the first repetition of something that failed; it doubles each time. Default: 0.2 seconds.</summary>
    public TimeSpan BackoffFirst { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>The longest wait before a repetition, unless the server asks for more. Default: 10 seconds.</summary>
    public TimeSpan BackoffMax { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>What downloads may bring in together; share one instance among all that are meant. Null for as fast as it goes.</summary>
    public RateLimit? Down { get; init; }

    /// <summary>What uploads may send together; share one instance among all that are meant. Null for as fast as it goes.</summary>
    public RateLimit? Up { get; init; }

    internal void Validate()
    {
        const int ConnectionsMax = 64;
        List<string> errors = [];
        if (Connections is < 1 or > ConnectionsMax)
        {
            errors.Add($"{nameof(Connections)} is 1 to {ConnectionsMax}, not {Connections}.");
        }

        if (BackoffFirst <= TimeSpan.Zero || BackoffMax < BackoffFirst)
        {
            errors.Add($"{nameof(BackoffFirst)} ({BackoffFirst}) is more than zero and at most {nameof(BackoffMax)} ({BackoffMax}).");
        }

        if (errors.Count > 0)
        {
            throw new ArgumentException(string.Join(" ", errors));
        }

        Progress.Validate(nameof(Progress));
    }
}
