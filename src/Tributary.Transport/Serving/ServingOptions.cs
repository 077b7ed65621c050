namespace Tributary.Transport;

/// <summary>How the server half treats its connections.</summary>
public sealed record ServingOptions
{
    /// <summary>
    /// What one request must keep up, in either direction; it takes the place of Kestrel's data rates. What is sent is counted in steps of
    /// 256 KiB, so asking for less means asking for one step. Default: 256 KiB within 2 minutes.
    /// </summary>
    public ProgressRule Progress { get; init; } = new(256 << 10, TimeSpan.FromMinutes(2));
}
