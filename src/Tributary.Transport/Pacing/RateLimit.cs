namespace Tributary.Transport;

/// <summary>
/// Lets no more than so many bytes a second pass, over all the transfers that share it: a token bucket, which holds what a quarter of a second
/// brings. Bytes pass in the order in which they were asked for, so no connection starves another.
/// </summary>
public sealed class RateLimit
{
    /// <summary>
    /// The lowest limit. A slower transfer would be taken for a broken one by the progress rules of both sides; these ask for some kilobytes a
    /// second on each connection.
    /// </summary>
    public const long BytesPerSecondMin = 64_000;

    // Long enough that a timer's coarseness costs no speed.
    private static readonly TimeSpan Burst = TimeSpan.FromMilliseconds(250);

    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private readonly long _start;

    // Since the start: when the bucket will have given all that was asked for.
    private TimeSpan _given = -Burst;

    /// <summary>Makes a limit; its bucket is full.</summary>
    /// <param name="bytesPerSecond">The bytes a second, at least <see cref="BytesPerSecondMin"/>.</param>
    /// <param name="time">The clock.</param>
    public RateLimit(long bytesPerSecond, TimeProvider time)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bytesPerSecond, BytesPerSecondMin);
        BytesPerSecond = bytesPerSecond;
        _time = time;
        _start = time.GetTimestamp();
    }

    /// <summary>The bytes a second.</summary>
    public long BytesPerSecond { get; }

    /// <summary>Completes when the bytes may pass.</summary>
    /// <param name="bytes">How many.</param>
    /// <param name="cancellationToken">Ends the wait. The bytes stay taken: those who ask later have counted on them.</param>
    public Task TakeAsync(int bytes, CancellationToken cancellationToken)
    {
        TimeSpan wait;
        lock (_lock)
        {
            TimeSpan now = _time.GetElapsedTime(_start);
            TimeSpan full = now - Burst;
            _given = (_given > full ? _given : full) + TimeSpan.FromSeconds((double)bytes / BytesPerSecond);
            wait = _given - now;
        }

        return wait <= TimeSpan.Zero ? Task.CompletedTask : Task.Delay(wait, _time, cancellationToken);
    }
}
