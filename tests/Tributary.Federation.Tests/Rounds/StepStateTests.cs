using Tributary.Federation.Jobs;
using Tributary.Federation.Rounds;
using Tributary.Federation.Tasks;
using Tributary.TestKit;

namespace Tributary.Federation.Tests.Rounds;

public sealed class StepStateTests
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(600);
    private readonly ManualTime _time = new();

    [Fact]
    public void A_step_is_complete_when_every_site_counts_and_not_before()
    {
        StepState state = Open("a", "b");
        Closes(state).ShouldBeFalse();
        state.Count("b");
        Closes(state).ShouldBeFalse();
        state.Count("a");
        Closes(state).ShouldBeTrue();
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
    public void How_far_a_site_had_come_is_no_news_once_its_result_counts()
    {
        StepState state = Open("a", "b");
        state.Heard("a", new TaskProgress(TaskPhase.Uploading, 1, 2)).ShouldBeTrue();
        state.Count("a");
        state.Heard("a", new TaskProgress(TaskPhase.Uploading, 2, 2)).ShouldBeFalse();
        state.Heard("stranger", new TaskProgress(TaskPhase.Training)).ShouldBeFalse();
    }

    [Fact]
    public void A_step_that_the_server_itself_cannot_go_on_with_says_why_instead_of_waiting_for_ever()
    {
        StepState state = Open("a", "b");
        state.Break("no space left on the disk");
        state.Break("a later reason");
        Should.Throw<StepBrokenException>(() => Closes(state)).Message.ShouldBe("the server cannot go on: no space left on the disk");
    }

    [Fact]
    public void A_site_that_does_not_take_part_changes_nothing()
    {
        StepState state = Open("a");
        state.Needs("stranger").ShouldBeFalse();
        state.Heard("stranger");
        state.Fail("stranger", "mischief");
        state.Count("stranger");
        Closes(state).ShouldBeFalse();
        state.Count("a");
        Closes(state).ShouldBeTrue();
    }

    [Fact]
    public void A_site_that_never_came_is_gone_after_the_timeout()
    {
        StepState state = Open("a", "b");
        state.Count("a");
        _time.Advance(Timeout);
        Closes(state).ShouldBeFalse();
        _time.Advance(TimeSpan.FromTicks(1));
        QuorumLostException lost = Should.Throw<QuorumLostException>(() => Closes(state));
        lost.Message.ShouldBe("site 'b' is gone: nothing was heard of it for 60 s while waiting");
    }

    [Fact]
    public void Any_sign_of_life_keeps_a_site_in_the_step()
    {
        StepState state = Open("a");
        for (int i = 0; i < 5; i++)
        {
            _time.Advance(Timeout);
            Closes(state).ShouldBeFalse();
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
        Should.Throw<QuorumLostException>(() => Closes(state)).Message.ShouldEndWith("60 s while training");
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
            Closes(state).ShouldBeFalse();
        }
    }

    [Fact]
    public void A_failure_is_told_with_the_sites_own_reason()
    {
        StepState state = Open("a", "b");
        state.Fail("b", "the disk is full");
        Should.Throw<QuorumLostException>(() => Closes(state)).Message.ShouldBe("site 'b' failed: the disk is full");
    }

    [Fact]
    public void A_result_that_counts_is_not_lost_by_a_failure_said_later()
    {
        StepState state = Open("a");
        state.Count("a");
        state.Fail("a", "the answer to my result was lost");
        Closes(state).ShouldBeTrue();
    }

    [Fact]
    public void A_site_that_failed_and_then_sent_its_result_after_all_counts()
    {
        StepState state = Open("a");
        state.Fail("a", "the server was away");
        state.Count("a");
        Closes(state).ShouldBeTrue();
    }

    [Fact]
    public void A_late_result_of_a_site_that_was_given_up_counts()
    {
        StepState state = Open("a");
        _time.Advance(Timeout * 2);
        Should.Throw<QuorumLostException>(() => Closes(state));
        state.Heard("a", new TaskProgress(TaskPhase.Uploading));
        Closes(state).ShouldBeFalse();
        state.Count("a");
        Closes(state).ShouldBeTrue();
    }

    [Fact]
    public void Counting_twice_is_counting_once()
    {
        StepState state = Open("a", "b");
        state.Count("a");
        state.Count("a");
        Closes(state).ShouldBeFalse();
    }

    [Fact]
    public void News_after_the_result_do_not_set_a_site_back_to_work()
    {
        StepState state = Open("a");
        state.Count("a");
        state.Heard("a", new TaskProgress(TaskPhase.Training, 1, 9));
        state.Needs("a").ShouldBeFalse();
        Closes(state).ShouldBeTrue();
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
            Closes(state).ShouldBeFalse();
        }

        state.Retry("a", 3, "killed again").ShouldBeFalse();
        state.Needs("a").ShouldBeFalse();
        Should.Throw<QuorumLostException>(() => Closes(state)).Message.ShouldBe("site 'a' failed: killed again (in 3 attempts)");
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
        Closes(state).ShouldBeFalse();
        state.Retry("a", 2, "killed").ShouldBeTrue();
    }

    [Fact]
    public void A_site_that_tries_again_has_its_full_time_to_come_back()
    {
        StepState state = Open("a");
        _time.Advance(Timeout);
        state.Retry("a", 1, "killed").ShouldBeTrue();
        _time.Advance(Timeout);
        Closes(state).ShouldBeFalse();
    }

    [Fact]
    public void A_failure_said_after_the_result_counts_or_by_nobody_of_the_step_does_not_ask_for_it_again()
    {
        StepState state = Open("a");
        state.Retry("stranger", 1, "mischief").ShouldBeFalse();
        state.Count("a");
        state.Retry("a", 1, "killed").ShouldBeFalse();
        state.Needs("a").ShouldBeFalse();
        Closes(state).ShouldBeTrue();
    }

    [Fact]
    public void With_a_quorum_the_step_goes_on_without_a_site_that_failed_and_says_who_and_why()
    {
        StepState state = Open(minSites: 2, "a", "b", "c");
        state.Count("a");
        state.Fail("b", "its trainer was killed");
        Closes(state).ShouldBeFalse();
        state.Count("c");
        state.TryClose(NoScreen)!.ShouldBe([
            new SitePart("a", SiteState.Counted, null), new SitePart("b", SiteState.Failed, "its trainer was killed"), new SitePart("c", SiteState.Counted, null)]);
    }

    [Fact]
    public void A_step_that_cannot_reach_its_quorum_ends_with_the_reason_of_every_site_that_is_lost()
    {
        StepState state = Open(minSites: 2, "a", "b", "c");
        state.Count("a");
        state.Fail("b", "no disk");
        state.Object("c", "it has a NaN");
        Closes(state).ShouldBeFalse();
        state.Fail("c", "the server does not take it");
        Should.Throw<QuorumLostException>(() => Closes(state)).Message.ShouldBe(
            "the results of 1 of 3 sites count, and min_sites is 2: site 'b' failed: no disk; what site 'c' sent is refused: it has a NaN");
    }

    [Fact]
    public void At_the_deadline_enough_results_close_the_step_and_the_others_are_late()
    {
        StepState state = Open(minSites: 1, "a", "b", "c");
        state.Count("a");
        state.Heard("b", new TaskProgress(TaskPhase.Training));
        _time.Advance(Deadline - TimeSpan.FromTicks(1));
        Closes(state).ShouldBeFalse();
        _time.Advance(TimeSpan.FromTicks(1));
        state.TryClose(NoScreen)!.Select(part => (part.State, part.Reason)).ShouldBe([
            (SiteState.Counted, null),
            (SiteState.Late, "it was training when the step was closed"),
            (SiteState.Late, "it had not asked for the task when the step was closed")]);
    }

    [Fact]
    public void A_deadline_runs_from_when_the_model_is_durable_so_that_a_long_merge_leaves_no_site_out()
    {
        StepState state = Open(minSites: 1, "a", "b");
        state.HoldDeadline();
        state.Count("a");
        _time.Advance(Deadline);
        Closes(state).ShouldBeFalse();
        state.RunDeadline();
        state.RunDeadline();
        _time.Advance(Deadline - TimeSpan.FromTicks(1));
        Closes(state).ShouldBeFalse();
        _time.Advance(TimeSpan.FromTicks(1));
        Closes(state).ShouldBeTrue();
    }

    [Fact]
    public void At_the_deadline_a_step_with_too_few_results_waits_on()
    {
        StepState state = Open(minSites: 2, "a", "b", "c");
        state.Count("a");
        _time.Advance(Deadline);
        Closes(state).ShouldBeFalse();
        state.Count("c");
        Closes(state).ShouldBeTrue();
    }

    [Fact]
    public void A_site_whose_result_is_under_way_at_the_deadline_is_waited_for_while_its_bytes_move()
    {
        StepState state = Open(minSites: 1, "a", "b");
        state.Count("a");
        _time.Advance(Deadline);
        for (int sent = 1; sent < 5; sent++)
        {
            state.Heard("b", new TaskProgress(TaskPhase.Uploading, sent, 5));
            _time.Advance(StepRules.UploadPauseMax);
            Closes(state).ShouldBeFalse();
        }

        state.Heard("b", new TaskProgress(TaskPhase.Uploading, 4, 5));
        _time.Advance(TimeSpan.FromTicks(1));
        Closes(state).ShouldBeTrue();
    }

    [Fact]
    public void Nothing_that_is_said_after_a_step_was_closed_changes_it()
    {
        StepState state = Open(minSites: 1, "a", "b");
        state.Count("a");
        _time.Advance(Deadline);
        Closes(state).ShouldBeTrue();
        state.Count("b").ShouldBeFalse();
        state.Count("a").ShouldBeTrue();
        state.Needs("b").ShouldBeFalse();
        state.Retry("b", 1, "killed").ShouldBeFalse();
        state.Close().Select(part => part.State).ShouldBe([SiteState.Counted, SiteState.Late]);
    }

    [Fact]
    public void A_result_that_the_screen_refuses_does_not_count_and_can_cost_the_quorum()
    {
        StepState state = Open(minSites: 2, "a", "b", "c");
        state.Count("a");
        state.Count("b");
        state.Fail("c", "no disk");
        Should.Throw<QuorumLostException>(() => state.TryClose(counted =>
        {
            counted.ShouldBe(["a", "b"]);
            return [("a", "its norm is 100 times the median")];
        })).Message.ShouldContain("what site 'a' sent is refused: its norm is 100 times the median; site 'c' failed: no disk");
    }

    [Fact]
    public void A_site_that_was_gone_before_is_not_waited_for_but_may_come_back()
    {
        var state = new StepState(["a", "b", "c"], new HashSet<string> { "b", "c" }, new StepRules(Timeout, 2, 1), _time);
        state.Needs("b").ShouldBeTrue();
        state.Heard("b");
        state.Count("a");
        Closes(state).ShouldBeFalse();
        state.Count("b");
        state.TryClose(NoScreen)!.Select(part => part.State).ShouldBe([SiteState.Counted, SiteState.Counted, SiteState.Away]);
    }

    [Fact]
    public void The_sites_of_a_round_are_drawn_by_the_seed_and_all_get_their_turn()
    {
        var job = new Job { Name = "j", Sites = [.. Enumerable.Range(0, 10).Select(i => $"site-{i}")], Sample = new JobSample(null, 0.25), Seed = 3 };
        SiteDraw.Of(job, 1).ShouldBe(SiteDraw.Of(job, 1));
        SiteDraw.Of(job, 1).ShouldBe(SiteDraw.Of(job, 1).Order(StringComparer.Ordinal));
        int[] turns = [.. Enumerable.Range(1, 400).SelectMany(round => SiteDraw.Of(job, round)).GroupBy(site => site).Select(group => group.Count())];
        turns.Length.ShouldBe(10);
        turns.Sum().ShouldBe(3 * 400);
        turns.ShouldAllBe(count => count > 80 && count < 160);
        Enumerable.Range(1, 50).Count(round => SiteDraw.Of(job, round).SequenceEqual(SiteDraw.Of(job with { Seed = 4 }, round))).ShouldBeLessThan(10);
    }

    private static bool Closes(StepState state) => state.TryClose(NoScreen) is not null;

    private static IReadOnlyList<(string Site, string Reason)> NoScreen(IReadOnlyList<string> counted) => [];

    private StepState Open(params string[] sites) => new(sites, new HashSet<string>(), new StepRules(Timeout, 2, sites.Length), _time);

    private StepState Open(int minSites, params string[] sites) => new(sites, new HashSet<string>(), new StepRules(Deadline * 2, 2, minSites, Deadline), _time);
}
