using Tributary.Federation.Rounds;
using Tributary.Federation.Tasks;
using Tributary.TestKit;

namespace Tributary.Federation.Tests.Rounds;

public sealed class StepStateTests
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(60);
    private readonly ManualTime _time = new();

    [Fact]
    public void A_step_is_complete_when_every_site_counts_and_not_before()
    {
        StepState state = Open("a", "b");
        state.IsComplete().ShouldBeFalse();
        state.Count("b");
        state.IsComplete().ShouldBeFalse();
        state.Count("a");
        state.IsComplete().ShouldBeTrue();
    }

    [Fact]
    public void A_site_needs_work_until_it_counts_or_fails()
    {
        StepState state = Open("a", "b");
        state.Needs("a").ShouldBeTrue();
        state.Heard("a", new TaskProgress(TaskPhase.Training));
        state.Needs("a").ShouldBeTrue();
        state.Count("a");
        state.Needs("a").ShouldBeFalse();
        state.Fail("b", "no disk");
        state.Needs("b").ShouldBeFalse();
    }

    [Fact]
    public void A_step_that_the_server_itself_cannot_go_on_with_says_why_instead_of_waiting_for_ever()
    {
        StepState state = Open("a", "b");
        state.Break("no space left on the disk");
        state.Break("a later reason");
        Should.Throw<StepBrokenException>(() => state.IsComplete()).Message.ShouldBe("the server cannot go on: no space left on the disk");
    }

    [Fact]
    public void A_site_that_does_not_take_part_changes_nothing()
    {
        StepState state = Open("a");
        state.Needs("stranger").ShouldBeFalse();
        state.Heard("stranger");
        state.Fail("stranger", "mischief");
        state.Count("stranger");
        state.IsComplete().ShouldBeFalse();
        state.Count("a");
        state.IsComplete().ShouldBeTrue();
    }

    [Fact]
    public void A_site_that_never_came_is_gone_after_the_timeout()
    {
        StepState state = Open("a", "b");
        state.Count("a");
        _time.Advance(Timeout);
        state.IsComplete().ShouldBeFalse();
        _time.Advance(TimeSpan.FromTicks(1));
        SiteLostException lost = Should.Throw<SiteLostException>(() => state.IsComplete());
        lost.Site.ShouldBe("b");
        lost.Message.ShouldBe("site 'b' is gone: nothing was heard of it for 60 s while waiting");
    }

    [Fact]
    public void Any_sign_of_life_keeps_a_site_in_the_step()
    {
        StepState state = Open("a");
        for (int i = 0; i < 5; i++)
        {
            _time.Advance(Timeout);
            state.IsComplete().ShouldBeFalse();
            if (i % 2 == 0)
            {
                state.Heard("a", new TaskProgress(TaskPhase.Training, i, 10));
            }
            else
            {
                state.Heard("a");
            }
        }

        _time.Advance(Timeout + TimeSpan.FromSeconds(1));
        Should.Throw<SiteLostException>(() => state.IsComplete()).Message.ShouldEndWith("60 s while training");
    }

    [Fact]
    public void A_site_that_counts_may_be_silent_for_ever()
    {
        StepState state = Open("a", "b");
        state.Count("a");
        for (int i = 0; i < 10; i++)
        {
            _time.Advance(Timeout);
            state.Heard("b");
            state.IsComplete().ShouldBeFalse();
        }
    }

    [Fact]
    public void A_failure_is_told_with_the_sites_own_reason()
    {
        StepState state = Open("a", "b");
        state.Fail("b", "the disk is full");
        Should.Throw<SiteLostException>(() => state.IsComplete()).Message.ShouldBe("site 'b' failed: the disk is full");
    }

    [Fact]
    public void A_result_that_counts_is_not_lost_by_a_failure_said_later()
    {
        StepState state = Open("a");
        state.Count("a");
        state.Fail("a", "the answer to my result was lost");
        state.IsComplete().ShouldBeTrue();
    }

    [Fact]
    public void A_site_that_failed_and_then_sent_its_result_after_all_counts()
    {
        StepState state = Open("a");
        state.Fail("a", "the server was away");
        state.Count("a");
        state.IsComplete().ShouldBeTrue();
    }

    [Fact]
    public void A_late_result_of_a_site_that_was_given_up_counts()
    {
        StepState state = Open("a");
        _time.Advance(Timeout * 2);
        Should.Throw<SiteLostException>(() => state.IsComplete());
        state.Heard("a", new TaskProgress(TaskPhase.Uploading));
        Should.Throw<SiteLostException>(() => state.IsComplete());
        state.Count("a");
        state.IsComplete().ShouldBeTrue();
    }

    [Fact]
    public void Counting_twice_is_counting_once()
    {
        StepState state = Open("a", "b");
        state.Count("a");
        state.Count("a");
        state.IsComplete().ShouldBeFalse();
    }

    [Fact]
    public void News_after_the_result_do_not_set_a_site_back_to_work()
    {
        StepState state = Open("a");
        state.Count("a");
        state.Heard("a", new TaskProgress(TaskPhase.Training, 1, 9));
        state.Needs("a").ShouldBeFalse();
        state.IsComplete().ShouldBeTrue();
    }

    [Fact]
    public void A_failure_that_may_pass_gives_the_site_its_task_again_as_often_as_the_job_says()
    {
        StepState state = Open("a");
        for (int attempt = 1; attempt <= 2; attempt++)
        {
            state.Heard("a", new TaskProgress(TaskPhase.Training));
            state.Retry("a", attempt, "killed").ShouldBeTrue();
            state.Needs("a").ShouldBeTrue();
            state.IsComplete().ShouldBeFalse();
        }

        state.Retry("a", 3, "killed again").ShouldBeFalse();
        state.Needs("a").ShouldBeFalse();
        Should.Throw<SiteLostException>(() => state.IsComplete()).Message.ShouldBe("site 'a' failed: killed again (in 3 attempts)");
    }

    [Fact]
    public void A_failure_that_is_said_twice_since_its_answer_was_lost_costs_one_attempt()
    {
        StepState state = Open("a");
        state.Retry("a", 1, "killed").ShouldBeTrue();
        for (int i = 0; i < 5; i++)
        {
            state.Retry("a", 1, "killed").ShouldBeFalse();
        }

        state.Needs("a").ShouldBeTrue();
        state.IsComplete().ShouldBeFalse();
        state.Retry("a", 2, "killed").ShouldBeTrue();
    }

    [Fact]
    public void A_site_that_tries_again_has_its_full_time_to_come_back()
    {
        StepState state = Open("a");
        _time.Advance(Timeout);
        state.Retry("a", 1, "killed").ShouldBeTrue();
        _time.Advance(Timeout);
        state.IsComplete().ShouldBeFalse();
    }

    [Fact]
    public void A_failure_said_after_the_result_counts_or_by_nobody_of_the_step_does_not_ask_for_it_again()
    {
        StepState state = Open("a");
        state.Retry("stranger", 1, "mischief").ShouldBeFalse();
        state.Count("a");
        state.Retry("a", 1, "killed").ShouldBeFalse();
        state.Needs("a").ShouldBeFalse();
        state.IsComplete().ShouldBeTrue();
    }

    private StepState Open(params string[] sites) => new(sites, Timeout, retries: 2, _time);
}
