namespace Tributary.Transport;

/// <summary>
/// What counts as making progress: at least <paramref name="BytesMin"/> bytes within any <paramref name="Window"/>. A transfer fails only
/// when it breaks this rule, never because a total time is over; so neither a dead connection nor a trickle can hold it for ever.
/// </summary>
/// <param name="BytesMin">The fewest bytes within the window; at least 1.</param>
/// <param name="Window">The window; at least 10 ms.</param>
public sealed record ProgressRule(long BytesMin, TimeSpan Window)
{
    /// <summary>The shortest window.</summary>
    public static readonly TimeSpan WindowMin = TimeSpan.FromMilliseconds(10);

    internal void Validate(string name)
    {
        if (BytesMin < 1 || Window < WindowMin)
        {
            throw new ArgumentException(
                $"{name} must ask for at least 1 byte within at least {WindowMin.TotalMilliseconds} ms; "
                + $"it asks for {BytesMin} within {Window}.",
                name);
        }
    }
}
