namespace Tributary.Transport;

/// <summary>How the server half treats its connections.</summary>
public sealed record ServingOptions
{
    /// <summary>
    /// What one request must keep up, in either direction; it takes the place of Kestrel's data rates. Default: 64 KiB within 30 seconds.
    /// </summary>
    public ProgressRule Progress { get; init; } = new(64 << 10, TimeSpan.FromSeconds(30));
}
