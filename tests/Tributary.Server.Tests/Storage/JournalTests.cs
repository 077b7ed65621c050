using Tributary.Federation.Jobs;
using Tributary.Federation.Messages;
using Tributary.Federation.Rounds;
using Tributary.Server.Storage;
using Tributary.Server.Tests.Harness;
using Tributary.TestKit;

namespace Tributary.Server.Tests.Storage;

public sealed class JournalTests
{
    private readonly ManualTime _time = new();

    [Fact]
    public void Everything_noted_is_there_when_the_journal_is_opened_again()
    {
        using var folder = new TempFolder();
        Job job = Models.Job("demo", "a", "b");
        var meaning = new MessageMeaning(MessageKind.Delta, "sha256:base", "nf4");
        using (var journal = new Journal(folder["journal"], _time))
        {
            journal.AddJob(job);
            journal.AddModel("demo", 0, 0);
            journal.OpenStep("demo", new StepRow(1, 0, "train", "sha256:m", meaning, 12345678901, 1.5, _time.GetUtcNow()));
            journal.AddAttempt("demo", 1, 0, "a").ShouldBe(1);
            journal.AddAttempt("demo", 1, 0, "a").ShouldBe(2);
            journal.AddResult("demo", new ResultRow(1, 0, "b", 1, 7, new Dictionary<string, double> { ["x"] = 0.1 }, "sha256:r", meaning)).ShouldBeTrue();
            journal.AddResult("demo", new ResultRow(1, 0, "a", 2, 8, new Dictionary<string, double>(), null, null)).ShouldBeTrue();
            _time.Advance(TimeSpan.FromSeconds(3));
            journal.CloseStep("demo", 1, 0, [new PartRow(1, 0, "a", SiteState.Counted, null, 1, 0), new PartRow(1, 0, "b", SiteState.Late, "it was training")]);
            journal.AddModel("demo", 1, 0.25);
            journal.SetLoss("demo", 0, 1.0 / 3);
        }

        using var again = new Journal(folder["journal"], _time);
        Should.NotThrow(() => again.AddJob(job));
        StepRow step = again.Steps("demo").ShouldHaveSingleItem();
        step.ShouldBe(new StepRow(1, 0, "train", "sha256:m", meaning, 12345678901, 1.5, step.Opened, step.Opened + TimeSpan.FromSeconds(3)));
        again.Attempts("demo", 1, 0, "a").ShouldBe(2);
        again.Attempts("demo", 1, 0, "b").ShouldBe(0);
        IReadOnlyList<ResultRow> results = again.Results("demo");
        results.Select(result => (result.Site, result.Attempt, result.Samples, result.Digest)).ShouldBe([("a", 2, 8, null), ("b", 1, 7, "sha256:r")]);
        results[1].Meaning.ShouldBe(meaning);
        results[1].Metrics["x"].ShouldBe(0.1);
        again.Models("demo").Select(model => (model.Round, model.MergeSeconds, model.Loss)).ShouldBe([(0, 0, 1.0 / 3), (1, 0.25, null)]);
        again.Results("other").ShouldBeEmpty();
        again.Parts("demo").ShouldBe([new PartRow(1, 0, "a", SiteState.Counted, null, 1, 0), new PartRow(1, 0, "b", SiteState.Late, "it was training")]);
        again.ResultsFor("demo", 1, 0).ShouldHaveSingleItem().Site.ShouldBe("a");
        again.UnusedResults("demo").ShouldBeEmpty();
    }

    [Fact]
    public void The_last_result_of_a_site_is_one_that_counts_or_may_yet()
    {
        using var folder = new TempFolder();
        using var journal = new Journal(folder["journal"], _time);
        var none = new Dictionary<string, double>();
        foreach ((int round, SiteState state) in new[] { (1, SiteState.Counted), (2, SiteState.Refused), (3, SiteState.Late) })
        {
            journal.AddResult("demo", new ResultRow(round, 0, "a", 1, 5, none, $"sha256:{round}", null));
            journal.AddParts("demo", [new PartRow(round, 0, "a", state, null)]);
            journal.LastResult("demo", "a").ShouldBe("sha256:1");
        }

        journal.AddResult("demo", new ResultRow(4, 0, "a", 1, 5, none, "sha256:4", null));
        journal.LastResult("demo", "a").ShouldBe("sha256:4");
    }

    [Fact]
    public void The_first_result_of_a_site_in_a_step_counts_and_a_later_one_changes_nothing()
    {
        using var folder = new TempFolder();
        using var journal = new Journal(folder["journal"], _time);
        var none = new Dictionary<string, double>();
        journal.AddResult("demo", new ResultRow(1, 0, "a", 2, 5, none, "sha256:first", null)).ShouldBeTrue();
        journal.AddResult("demo", new ResultRow(1, 0, "a", 1, 6, none, "sha256:second", null)).ShouldBeFalse();
        journal.AddResult("demo", new ResultRow(1, 1, "a", 1, 6, none, "sha256:step", null)).ShouldBeTrue();
        journal.AddResult("other", new ResultRow(1, 0, "a", 1, 6, none, "sha256:job", null)).ShouldBeTrue();
        journal.Results("demo").Select(result => result.Digest).ShouldBe(["sha256:first", "sha256:step"]);
    }

    [Fact]
    public void A_step_is_closed_at_the_time_it_was_first_closed()
    {
        using var folder = new TempFolder();
        using var journal = new Journal(folder["journal"], _time);
        journal.OpenStep("demo", new StepRow(1, 0, "train", "sha256:m", new MessageMeaning(MessageKind.Weights, null, "fp32"), 1, 0, default));
        journal.CloseStep("demo", 1, 0, []);
        DateTimeOffset? closed = journal.Steps("demo")[0].Closed;
        _time.Advance(TimeSpan.FromSeconds(1));
        journal.CloseStep("demo", 1, 0, []);
        journal.Steps("demo")[0].Closed.ShouldBe(closed);
    }

    [Fact]
    public void A_step_is_open_while_its_job_may_go_on()
    {
        using var folder = new TempFolder();
        using var journal = new Journal(folder["journal"], _time);
        journal.AddJob(Models.Job("demo", "a"));
        journal.IsStepOpen("demo", 1, 0).ShouldBeFalse();
        journal.OpenStep("demo", new StepRow(1, 0, "train", "sha256:m", new MessageMeaning(MessageKind.Weights, null, "fp32"), 1, 0, default));
        journal.IsStepOpen("demo", 1, 0).ShouldBeTrue();
        journal.EndJob("demo", "a site failed");
        journal.IsStepOpen("demo", 1, 0).ShouldBeFalse();
        journal.AddJob(Models.Job("demo", "a"));
        journal.IsStepOpen("demo", 1, 0).ShouldBeTrue();
        journal.CloseStep("demo", 1, 0, []);
        journal.IsStepOpen("demo", 1, 0).ShouldBeFalse();
    }

    [Fact]
    public void A_job_of_the_same_name_with_other_settings_is_refused()
    {
        using var folder = new TempFolder();
        using var journal = new Journal(folder["journal"], _time);
        journal.AddJob(Models.Job("demo", "a"));
        Should.Throw<InvalidOperationException>(() => journal.AddJob(Models.Job("demo", "a", "b"))).Message.ShouldContain("'demo'");
    }
}
