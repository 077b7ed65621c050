using Tributary.Client;
using Tributary.Federation.Jobs;
using Tributary.Federation.Tasks;
using Tributary.Federation.Wire;
using Tributary.Server.Tests.Harness;
using Tributary.Site.Rules;
using Tributary.TestKit;

namespace Tributary.Server.Tests.Queue;

/// <summary>A person at a clinic says yes to this very job, or it does not run there; and nobody else's work waits for that person.</summary>
public sealed class ApprovalTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_job_waits_for_a_persons_yes_and_its_site_is_not_dead_meanwhile()
    {
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync();
        var executor = new AddingExecutor(1, 1);
        await using RunningAgent a = Careful(server, executor);
        Job job = Models.Job("demo", "a") with { SiteTimeout = TimeSpan.FromSeconds(3) };
        JobDocument submitted = await server.Admin().SubmitAsync(job, "model", initial, progress: null, Cancel);
        JobDocument waiting = await AwaitedAsync(server, "demo");
        waiting.Sites[0].Note.ShouldBe($"a person at the site has to approve the job, {submitted.Digest}");

        // Longer than the site may say nothing: real signs of life over three real seconds and more.
        IReadOnlyList<EventDocument> events = await server.Admin().EventsAsync("demo", 3, TimeSpan.FromSeconds(5), Cancel);
        events.ShouldNotContain(happened => happened.Kind == "site-left-out" || happened.Kind == "failed");
        executor.Done.ShouldBeEmpty();

        JobApproval asked = Approvals(server).List().ShouldHaveSingleItem();
        (asked.Digest, asked.Submitter, asked.Statement.Job.Rounds, asked.Statement.Model.Parameters).ShouldBe((submitted.Digest, "admin/alice", 3, 707));
        Answer(server, submitted.Digest, isApproved: true);
        (await server.EndOfAsync("demo")).Line.State.ShouldBe(JobState.Finished);
        (await server.Admin().EventsAsync("demo", 0, TimeSpan.Zero, Cancel)).Count(happened => happened.Kind == "site-waits" && happened.Text.StartsWith("awaiting approval:", StringComparison.Ordinal)).ShouldBe(1);
    }

    [Fact]
    public async Task A_persons_no_fails_the_task_with_the_reason_also_after_a_yes()
    {
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync();
        var gate = new TaskCompletionSource();
        var executor = new AddingExecutor(1, 1) { Before = (task, token) => task.Round == 1 ? gate.Task.WaitAsync(token) : Task.CompletedTask };
        await using RunningAgent a = Careful(server, executor);
        JobDocument submitted = await server.Admin().SubmitAsync(Models.Job("demo", "a"), "model", initial, progress: null, Cancel);
        await AwaitedAsync(server, "demo");
        Answer(server, submitted.Digest, isApproved: true);
        await server.UntilAsync("demo", _ => !executor.Done.IsEmpty);
        Answer(server, submitted.Digest, isApproved: false, "consent was withdrawn");
        gate.SetResult();
        JobDocument ended = await server.EndOfAsync("demo");
        ended.Line.Reason!.ShouldContain("job 'demo' was refused at site 'a': consent was withdrawn");
        executor.Done.ShouldBe(["train 1"]);
    }

    [Fact]
    public async Task A_no_while_it_waits_ends_the_wait()
    {
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync();
        await using RunningAgent a = Careful(server, new AddingExecutor(1, 1));
        JobDocument submitted = await server.Admin().SubmitAsync(Models.Job("demo", "a"), "model", initial, progress: null, Cancel);
        await AwaitedAsync(server, "demo");
        Answer(server, submitted.Digest, isApproved: false);
        (await server.EndOfAsync("demo")).Line.Reason!.ShouldContain("job 'demo' was refused at site 'a'");
    }

    [Fact]
    public async Task An_answer_is_for_one_job_as_it_was_signed_and_a_changed_one_waits_again()
    {
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync();
        await using RunningAgent a = Careful(server, new AddingExecutor(1, 1));
        JobClient admin = server.Admin();
        JobDocument first = await admin.SubmitAsync(Models.Job("demo", "a"), "model", initial, progress: null, Cancel);
        await AwaitedAsync(server, "demo");
        Answer(server, first.Digest, isApproved: true);
        await server.EndOfAsync("demo");
        await admin.DeleteAsync("demo", Cancel);

        JobDocument changed = await admin.SubmitAsync(Models.Job("demo", "a") with { Rounds = 4 }, "model", initial, progress: null, Cancel);
        changed.Digest.ShouldNotBe(first.Digest);
        (await AwaitedAsync(server, "demo")).Sites[0].Note!.ShouldContain(changed.Digest);
        Approvals(server).List().Select(job => (job.Digest, job.Answer?.IsApproved)).ShouldBe([(first.Digest, true), (changed.Digest, null)]);
    }

    [Fact]
    public async Task Answers_and_questions_outlive_site_and_server()
    {
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync();
        JobDocument submitted;
        await using (RunningAgent before = Careful(server, new AddingExecutor(1, 1)))
        {
            submitted = await server.Admin().SubmitAsync(Models.Job("demo", "a"), "model", initial, progress: null, Cancel);
            await AwaitedAsync(server, "demo");
            await server.RestartAsync();
            await AwaitedAsync(server, "demo");
        }

        Answer(server, submitted.Digest, isApproved: true);
        await using RunningAgent after = Careful(server, new AddingExecutor(1, 1));
        (await server.EndOfAsync("demo")).Line.State.ShouldBe(JobState.Finished);
    }

    [Fact]
    public async Task While_one_job_waits_for_a_person_the_site_works_for_others_and_lives_for_those_it_is_not_working_for()
    {
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync();
        await using RunningAgent a = Careful(server, new AddingExecutor(1, 1));
        JobClient admin = server.Admin();
        JobDocument slow = await admin.SubmitAsync(Models.Job("slow", "a") with { SiteTimeout = TimeSpan.FromSeconds(3) }, "model", initial, progress: null, Cancel);
        await AwaitedAsync(server, "slow");
        JobDocument quick = await admin.SubmitAsync(Models.Job("quick", "a"), "model", initial, progress: null, Cancel);
        await AwaitedAsync(server, "quick");
        Answer(server, quick.Digest, isApproved: true);
        (await server.EndOfAsync("quick")).Line.State.ShouldBe(JobState.Finished);
        (await admin.GetAsync("slow", Cancel)).Sites[0].Phase.ShouldBe(TaskPhase.AwaitingApproval);
        Answer(server, slow.Digest, isApproved: true);
        (await server.EndOfAsync("slow")).Line.State.ShouldBe(JobState.Finished);
    }

    [Fact]
    public async Task A_site_that_trains_for_one_job_for_long_is_not_dead_for_another()
    {
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync();
        var gate = new TaskCompletionSource();
        var executor = new AddingExecutor(1, 1) { Before = (task, token) => task.Job.Name == "long" && task.Round == 1 ? gate.Task.WaitAsync(token) : Task.CompletedTask };
        await using RunningAgent a = server.Agent("a", executor);
        JobClient admin = server.Admin();
        await admin.SubmitAsync(Models.Job("long", "a"), "model", initial, progress: null, Cancel);
        await server.UntilAsync("long", _ => !executor.Done.IsEmpty);
        await admin.SubmitAsync(Models.Job("other", "a") with { SiteTimeout = TimeSpan.FromMilliseconds(500) }, "model", initial, progress: null, Cancel);
        await server.UntilAsync("other", now => now.Doing == TaskNames.Train);

        // Nothing happens to the other job in twice the time for which its site may say nothing.
        long last = (await admin.EventsAsync("other", 0, TimeSpan.Zero, Cancel))[^1].Number;
        (await admin.EventsAsync("other", last, TimeSpan.FromSeconds(1), Cancel)).ShouldBeEmpty();
        gate.SetResult();
        (await server.EndOfAsync("other")).Line.State.ShouldBe(JobState.Finished);
        (await server.EndOfAsync("long")).Line.State.ShouldBe(JobState.Finished);
    }

    private static RunningAgent Careful(SecureServer server, AddingExecutor executor) =>
        server.Agent("a", executor, change: options => options with { Rules = new SiteRules { NeedsApproval = true } });

    private static Task<JobDocument> AwaitedAsync(SecureServer server, string job) => server.UntilAsync(job, now => now.Sites[0].Phase == TaskPhase.AwaitingApproval);

    private static JobApprovals Approvals(SecureServer server) => new(server.SiteFolder("a"));

    private static void Answer(SecureServer server, string digest, bool isApproved, string? reason = null) =>
        Approvals(server).Answer(Approvals(server).Find(digest), new ApprovalAnswer(isApproved, reason, "carla", TimeProvider.System.GetUtcNow()));
}
