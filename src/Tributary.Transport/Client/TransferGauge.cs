namespace Tributary.Transport;

/// <summary>Counts what a transfer does, and tells who wants to know. Safe for several threads.</summary>
internal sealed class TransferGauge(IProgress<TransferProgress>? listener, TimeProvider clock, bool up)
{
    private const long ReportBytes = 1 << 20;

    private long _total;
    private long _done;
    private long _wire;
    private long _excused;
    private long _reported;
    private long _fruitlessSince;
    private int _fruitless;
    private int _busy;
    private int _moved;
    private int _retries;

    /// <summary>What the progress rule is held against: bytes that moved, and as many as it asks for whenever there was none to move.</summary>
    public long Alive => Wire + Interlocked.Read(ref _excused);

    public bool IsBusy => Volatile.Read(ref _busy) > 0;

    public long Wire => Interlocked.Read(ref _wire);

    public int PartsMoved => Volatile.Read(ref _moved);

    public int Retries => Volatile.Read(ref _retries);

    public TransferProgress Progress => new(Interlocked.Read(ref _done), Interlocked.Read(ref _total), Wire);

    /// <summary>How far it came, for messages; empty where it has not begun.</summary>
    public string Text => Progress is { BytesTotal: > 0 } progress
        ? $" {ByteText.Of(progress.BytesDone)} of {ByteText.Of(progress.BytesTotal)} were done; the same call goes on from there."
        : "";

    /// <summary>What is known when the work begins, or begins anew.</summary>
    public void Begin(long done, long total)
    {
        Interlocked.Exchange(ref _total, total);
        Interlocked.Exchange(ref _done, done);
        Interlocked.Exchange(ref _fruitless, 0);
        Report();
    }

    /// <summary>A part that needed no moving.</summary>
    public void Found(long bytes)
    {
        Interlocked.Add(ref _done, bytes);
        Report();
    }

    public void Move(int bytes)
    {
        long wire = Interlocked.Add(ref _wire, bytes);
        if (up)
        {
            TransportMetrics.CountUp(bytes, atServer: false);
        }
        else
        {
            TransportMetrics.CountDown(bytes, atServer: false);
        }

        long reported = Interlocked.Read(ref _reported);
        if (wire - reported >= ReportBytes && Interlocked.CompareExchange(ref _reported, wire, reported) == reported)
        {
            Report();
        }
    }

    /// <summary>The other side lives but has nothing to move yet.</summary>
    public void Excuse(long bytes) => Interlocked.Add(ref _excused, bytes);

    /// <summary>A part that moved and was verified.</summary>
    public void Accept(long bytes)
    {
        Interlocked.Add(ref _done, bytes);
        Interlocked.Increment(ref _moved);
        Interlocked.Exchange(ref _fruitless, 0);
        Report();
    }

    /// <summary>Begins an attempt at something.</summary>
    /// <param name="again">Whether an earlier one failed.</param>
    public Attempt Attempt(bool again) => new(this, again);

    /// <summary>Begins something during which bytes ought to move; dispose ends it.</summary>
    public Busy Work()
    {
        Interlocked.Increment(ref _busy);
        return new Busy(this);
    }

    /// <summary>
    /// An attempt failed. Gives true when bytes move well enough but to no end: many attempts in a row failed, over a whole window and
    /// without a part accepted in between, so the same thing is going wrong again and again.
    /// </summary>
    public bool FailedAttempt(bool movedBytes, TimeSpan window)
    {
        const int FruitlessMax = 8;
        Interlocked.Increment(ref _retries);
        if (!movedBytes)
        {
            return false;
        }

        int fruitless = Interlocked.Increment(ref _fruitless);
        if (fruitless == 1)
        {
            Interlocked.Exchange(ref _fruitlessSince, clock.GetTimestamp());
        }

        return fruitless >= FruitlessMax && clock.GetElapsedTime(Interlocked.Read(ref _fruitlessSince)) >= window;
    }

    private void Report() => listener?.Report(Progress);

    /// <summary>The time in which bytes ought to move.</summary>
    internal readonly struct Busy(TransferGauge gauge) : IDisposable
    {
        public void Dispose() => Interlocked.Decrement(ref gauge._busy);
    }
}

/// <summary>One attempt at moving something, with the bytes that it moved itself.</summary>
internal sealed class Attempt(TransferGauge gauge, bool again)
{
    private long _moved;

    /// <summary>Whether an earlier attempt at the same thing failed.</summary>
    public bool IsRepeated => again;

    public long Moved => Interlocked.Read(ref _moved);

    public void Move(int bytes)
    {
        Interlocked.Add(ref _moved, bytes);
        gauge.Move(bytes);
    }
}

/// <summary>Numbers of bytes, for people.</summary>
internal static class ByteText
{
    public static string Of(long bytes) => bytes switch
    {
        < 10 << 10 => $"{bytes} bytes",
        < 10 << 20 => $"{bytes / 1024.0:0.0} KiB",
        _ => $"{bytes / 1048576.0:0.0} MiB",
    };
}
