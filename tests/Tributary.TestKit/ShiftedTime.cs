namespace Tributary.TestKit;

/// <summary>The machine's clock with another time of the day: timers and stopwatches run as ever, so real servers and sites can live by it.</summary>
public sealed class ShiftedTime : TimeProvider
{
    private long _ticks;

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    public override DateTimeOffset GetUtcNow() => System.GetUtcNow().AddTicks(Interlocked.Read(ref _ticks));

    /// <summary>Sets the clock so that it shows a time of the day now.</summary>
    public void SetTo(TimeOnly time) => Interlocked.Exchange(ref _ticks, (time - TimeOnly.FromTimeSpan(System.GetUtcNow().TimeOfDay)).Ticks);
}
