namespace Tributary.Server;

/// <summary>How a server runs.</summary>
public sealed record ServerOptions
{
    /// <summary>The folder of its journal, models, messages and spool.</summary>
    public required string Folder { get; init; }

    /// <summary>The loopback port it listens on; 0 for any that is free.</summary>
    public int Port { get; init; }

    /// <summary>The sites it knows: each site's name by the bearer token that it shows.</summary>
    public required IReadOnlyDictionary<string, string> SiteByToken { get; init; }

    /// <summary>The largest message it takes from a site, in bytes.</summary>
    public long MessageBytesMax { get; init; } = 1L << 40;

    /// <summary>The longest that a request for a task waits for one.</summary>
    public TimeSpan LongPollMax { get; init; } = TimeSpan.FromSeconds(60);
}
