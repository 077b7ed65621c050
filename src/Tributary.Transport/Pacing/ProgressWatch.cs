namespace Tributary.Transport;

/// <summary>
/// Holds something to a <see cref="ProgressRule"/>: its token is cancelled when too few bytes have moved within the window.
/// </summary>
internal sealed class ProgressWatch : IDisposable
{
    // The window slides in quarters, so a stall is seen after at most a window and a quarter.
    private const int Slots = 4;

    private readonly ProgressRule _rule;
    private readonly Func<long> _moved;
    private readonly Func<bool>? _busy;

    // Never disposed: it has no timer of its own, and its callbacks may still be running when the watch ends.
    private readonly CancellationTokenSource _stalled = new();
    private readonly Lock _gate = new();
    private readonly long[] _levels = new long[Slots];
    private readonly ITimer _timer;
    private long _ticks;
    private bool _disposed;

    /// <summary>Begins to watch.</summary>
    /// <param name="rule">The rule.</param>
    /// <param name="clock">The clock.</param>
    /// <param name="moved">The bytes moved up to now; it only grows.</param>
    /// <param name="busy">Whether bytes ought to be moving at all; null for always. Time with nothing to do breaks no rule.</param>
    public ProgressWatch(ProgressRule rule, TimeProvider clock, Func<long> moved, Func<bool>? busy = null)
    {
        _rule = rule;
        _moved = moved;
        _busy = busy;
        _levels[0] = moved();
        _ticks = 1;
        TimeSpan quarter = rule.Window / Slots;
        _timer = clock.CreateTimer(static state => ((ProgressWatch)state!).Look(), this, quarter, quarter);
    }

    /// <summary>Cancelled when the rule is broken.</summary>
    public CancellationToken Token => _stalled.Token;

    public bool IsStalled => _stalled.IsCancellationRequested;

    /// <summary>The bytes that moved within the window when the rule was broken.</summary>
    public long MovedInWindow { get; private set; }

    public void Dispose()
    {
        _timer.Dispose();
        lock (_gate)
        {
            _disposed = true;
        }
    }

    private void Look()
    {
        bool broken = false;
        lock (_gate)
        {
            if (_disposed || IsStalled)
            {
                return;
            }

            long level = _moved();
            if (_busy is not null && !_busy())
            {
                _levels[0] = level;
                _ticks = 1;
                return;
            }

            if (_ticks >= Slots)
            {
                MovedInWindow = level - _levels[_ticks % Slots];
                broken = MovedInWindow < _rule.BytesMin;
            }

            _levels[_ticks++ % Slots] = level;
            if (broken)
            {
                // Callbacks run elsewhere, because they may dispose this watch.
                _ = _stalled.CancelAsync();
            }
        }
    }
}
