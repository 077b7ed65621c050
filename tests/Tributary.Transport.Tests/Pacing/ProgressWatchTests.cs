namespace Tributary.Transport.Tests.Pacing;

public sealed class ProgressWatchTests
{
    private static readonly ProgressRule Rule = new(100, TimeSpan.FromSeconds(4));

    [Fact]
    public void A_dead_connection_is_noticed_after_the_window_and_not_before()
    {
        var clock = new HandTimer();
        using var watch = new ProgressWatch(Rule, clock, () => 0);
        clock.Tick(3);
        watch.IsStalled.ShouldBeFalse();
        clock.Tick(1);
        watch.IsStalled.ShouldBeTrue();
    }

    [Fact]
    public void A_trickle_below_the_rate_is_ended_and_one_at_the_rate_is_not()
    {
        var clock = new HandTimer();
        long moved = 0;
        using var slow = new ProgressWatch(Rule, clock, () => moved * 24);
        using var enough = new ProgressWatch(Rule, clock, () => moved * 25);
        for (int quarter = 0; quarter < 20; quarter++)
        {
            moved++;
            clock.Tick(1);
        }

        slow.IsStalled.ShouldBeTrue();
        slow.MovedInWindow.ShouldBe(96);
        enough.IsStalled.ShouldBeFalse();
    }

    [Fact]
    public void Waiting_for_an_encoder_is_no_stall()
    {
        var clock = new HandTimer();
        bool busy = false;
        using var watch = new ProgressWatch(Rule, clock, () => 0, () => busy);
        clock.Tick(50);
        busy = true;
        clock.Tick(3);
        watch.IsStalled.ShouldBeFalse();
        clock.Tick(1);
        watch.IsStalled.ShouldBeTrue();
    }

    /// <summary>A clock whose timers fire when the test says so.</summary>
    private sealed class HandTimer : TimeProvider
    {
        private readonly List<Action> _timers = [];

        public void Tick(int times)
        {
            for (int tick = 0; tick < times; tick++)
            {
                _timers.ForEach(timer => timer());
            }
        }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            dueTime.ShouldBe(TimeSpan.FromSeconds(1));
            _timers.Add(() => callback(state));
            return new Timer();
        }

        private sealed class Timer : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period) => true;

            public void Dispose()
            {
            }

            public ValueTask DisposeAsync() => ValueTask.CompletedTask;
        }
    }
}
