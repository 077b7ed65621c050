using System.Net;
using System.Net.Http.Json;
using System.Threading.Channels;
using Tributary.Federation.Jobs;
using Tributary.Federation.Rounds;
using Tributary.Federation.Tasks;
using Tributary.Federation.Wire;
using Tributary.Federation.Workflows;
using Tributary.Server.Storage;
using Tributary.Server.Tests.Harness;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;
using Tributary.TestKit;

namespace Tributary.Server.Tests.Jobs;

/// <summary>Rounds that go on without some of their sites: nobody's fault costs the others their work.</summary>
public sealed class QuorumTests
{
    [Fact]
    public async Task A_round_goes_on_without_a_site_that_fails_and_asks_it_again_in_the_next_one()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await using RunningAgent a = server.Agent("a", new AddingExecutor(1, 1));
        await using RunningAgent b = server.Agent("b", new AddingExecutor(3, 1));
        await using RunningAgent c = server.Agent("c", new AddingExecutor(5, 1)
        {
            Before = (task, _) => task.Round == 2 ? throw new TaskFailedException("the trainer's process was killed by signal 9") { IsTransient = true } : Task.CompletedTask,
        });
        JobRecord record = await server.Run(Models.Job("quorum", "a", "b", "c") with { MinSites = 2, Rounds = 3 }, initial).Job;

        using SafetensorsFile last = SafetensorsFile.Open(record.LastModel!);
        float everyone = (1 + 3 + 5) / 3f;
        last.ReadFloats("b")[0].ShouldBe(initial.ReadFloats("b")[0] + everyone + 2 + everyone, 1e-4f);
        PartRow lost = record.Parts.Where(part => part.State != SiteState.Counted).ShouldHaveSingleItem();
        lost.ShouldBe(new PartRow(2, 0, "c", SiteState.Failed, "the trainer's process was killed by signal 9 (in 2 attempts)"));
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public async Task An_update_with_a_value_that_is_no_number_is_refused_by_name_and_never_reaches_the_model(float poison)
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await using RunningAgent a = server.Agent("a", new AddingExecutor(1, 1));
        await using RunningAgent b = server.Agent("b", new AddingExecutor(3, 1));
        (Task<JobRecord> running, ChannelReader<JobEvent> events) = server.Run(Models.Job("poison", "a", "b", "c") with { MinSites = 2, Rounds = 1 }, initial);
        await events.UntilAsync<StepOpened>(_ => true);

        // A site's own codec would not send it, so this one is sent without.
        using ManualSite c = server.Site("c");
        TaskDocument task = await c.TakeAsync();
        using var folder = new TempFolder();
        using var poisoned = new MemorySource([.. initial.Manifest.Select(entry => MemorySource.F32(entry.Spec.Name, [.. entry.Spec.Shape], [poison, .. initial.ReadFloats(entry.Spec.Name)[1..]]))]);
        new SafetensorsWriter(poisoned).WriteFile(folder["message"], TestContext.Current.CancellationToken);
        string digest = await c.UploadAsync(task, 1, await File.ReadAllBytesAsync(folder["message"], TestContext.Current.CancellationToken));
        using HttpResponseMessage response = await c.PostAsync(task, new ResultDocument(1, 1, new Dictionary<string, double>(), digest, ManualSite.Meaning(task)));
        response.StatusCode.ShouldBe(HttpStatusCode.UnprocessableEntity);
        using HttpResponseMessage failure = await c.Http.PostAsJsonAsync(
            $"{Routes.Step("poison", 1, 0)}/failure", new FailureDocument("the server did not take the result"), WireJson.Default.FailureDocument, TestContext.Current.CancellationToken);
        await events.UntilAsync<ModelSaved>(_ => true);
        await c.EvaluateAsync();
        JobRecord record = await running;

        using SafetensorsFile last = SafetensorsFile.Open(record.LastModel!);
        last.ReadFloats("w").ShouldBe(initial.ReadFloats("w").Select(value => value + 2));
        PartRow refused = record.Parts.Single(part => part is { Round: 1, Site: "c" });
        refused.State.ShouldBe(SiteState.Refused);
        refused.Reason!.ShouldContain("tensor 'w'");
        refused.Reason!.ShouldContain("NaN or infinite");
    }

    [Fact]
    public async Task An_update_far_out_of_line_is_refused_with_its_norm()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await using RunningAgent a = server.Agent("a", new AddingExecutor(1, 1));
        await using RunningAgent b = server.Agent("b", new AddingExecutor(1, 1));
        await using RunningAgent c = server.Agent("c", new AddingExecutor(-1000, 1));
        JobRecord record = await server.Run(Models.Job("norm", "a", "b", "c") with { MinSites = 2, Rounds = 1 }, initial).Job;

        using SafetensorsFile last = SafetensorsFile.Open(record.LastModel!);
        last.ReadFloats("w").ShouldBe(initial.ReadFloats("w").Select(value => value + 1));
        PartRow refused = record.Parts.Single(part => part is { Round: 1, Site: "c" });
        refused.State.ShouldBe(SiteState.Refused);
        refused.Reason!.ShouldContain("1000 times the median");
    }

    [Fact]
    public async Task A_deadline_closes_a_round_without_a_straggler_whose_late_result_changes_nothing()
    {
        using MemorySource initial = Models.Eighths();
        var time = new ManualTime();
        await using TestServer server = await TestServer.StartAsync(time);
        Job job = Models.Job("deadline", "a", "b") with { MinSites = 1, Rounds = 1, Deadline = TimeSpan.FromMinutes(10), SiteTimeout = TimeSpan.FromHours(1) };
        (Task<JobRecord> running, ChannelReader<JobEvent> events) = server.Run(job, initial);
        using ManualSite slow = server.Site("b");
        TaskDocument task = await slow.TakeAsync();
        await using RunningAgent a = server.Agent("a", new AddingExecutor(1, 1));
        await events.UntilAsync<ResultCounted>(counted => counted.Site == "a");
        SiteLeftOut left = await PassTimeAsync(time, TimeSpan.FromMinutes(1), events);
        left.Part.ShouldBe(new SitePart("b", SiteState.Late, "it had not asked for the task when the step was closed"));
        (await slow.PostAsync(task, new ResultDocument(1, 1, new Dictionary<string, double>(), null, null))).StatusCode.ShouldBe(HttpStatusCode.Gone);

        // It comes back: the evaluation after the last round is everybody's.
        await slow.EvaluateAsync();
        JobRecord record = await running;
        using SafetensorsFile last = SafetensorsFile.Open(record.LastModel!);
        last.ReadFloats("w").ShouldBe(initial.ReadFloats("w").Select(value => value + 1));
    }

    [Fact]
    public async Task Only_the_sites_that_are_drawn_get_work_and_the_others_are_up_to_date_when_their_turn_comes()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        Dictionary<string, AddingExecutor> executors = new[] { "a", "b", "c" }.ToDictionary(site => site, _ => new AddingExecutor(1, 1));
        await using RunningAgent a = server.Agent("a", executors["a"]);
        await using RunningAgent b = server.Agent("b", executors["b"]);
        await using RunningAgent c = server.Agent("c", executors["c"]);
        Job job = Models.Job("sampled", "a", "b", "c") with { Rounds = 6, Sample = new JobSample(1, null) };
        JobRecord record = await server.Run(job, initial).Job;

        foreach ((string site, AddingExecutor executor) in executors)
        {
            string[] expected = [.. Enumerable.Range(1, 6).Where(round => SiteDraw.Of(job, round).Contains(site)).Select(round => $"train {round}"), "evaluate 7"];
            executor.Done.ShouldBe(expected);
        }

        record.Parts.Count(part => part.State == SiteState.NotDrawn).ShouldBe(12);
        using SafetensorsFile last = SafetensorsFile.Open(record.LastModel!);
        last.ReadFloats("w").ShouldBe(initial.ReadFloats("w").Select(value => value + 6));
    }

    [Fact]
    public async Task A_site_that_was_not_there_from_the_start_holds_nobody_up_after_the_first_round_and_joins_when_it_comes()
    {
        using MemorySource initial = Models.Eighths();
        var time = new ManualTime();
        await using TestServer server = await TestServer.StartAsync(time);
        Job job = Models.Job("joining", "a", "b") with { MinSites = 1, Rounds = 3, SiteTimeout = TimeSpan.FromMinutes(1) };
        (Task<JobRecord> running, ChannelReader<JobEvent> events) = server.Run(job, initial);
        var third = new TaskCompletionSource();
        await using RunningAgent a = server.Agent("a", new AddingExecutor(1, 1) { Before = (task, _) => task.Round == 3 ? third.Task : Task.CompletedTask });
        await events.UntilAsync<ResultCounted>(counted => counted.Site == "a");

        // It is waited for once; the second round does without it at once.
        (await PassTimeAsync(time, TimeSpan.FromSeconds(6), events)).Part.State.ShouldBe(SiteState.Dead);
        (await events.UntilAsync<SiteLeftOut>(_ => true)).Part.State.ShouldBe(SiteState.Away);

        await using RunningAgent b = server.Agent("b", new AddingExecutor(3, 1));
        await events.UntilAsync<ResultCounted>(counted => counted is { Round: 3, Site: "b" });
        third.SetResult();
        JobRecord record = await running;
        using SafetensorsFile last = SafetensorsFile.Open(record.LastModel!);
        last.ReadFloats("w").ShouldBe(initial.ReadFloats("w").Select(value => value + 1 + 1 + 2));
    }

    /// <summary>Moves the clock by a tick whenever the server waits for one, until a round goes on without a site.</summary>
    private static async Task<SiteLeftOut> PassTimeAsync(ManualTime time, TimeSpan tick, ChannelReader<JobEvent> events)
    {
        while (true)
        {
            // Whoever waits for a tick has told before what the last one did. Time that passes after that would be the next round's.
            Task waits = time.UntilTimerAsync(tick, TestContext.Current.CancellationToken);
            await Task.WhenAny(waits, events.WaitToReadAsync(TestContext.Current.CancellationToken).AsTask());
            while (events.TryRead(out JobEvent? happened))
            {
                if (happened is SiteLeftOut left)
                {
                    return left;
                }
            }

            if (waits.IsCompleted)
            {
                time.Advance(tick);
            }
        }
    }

    [Fact]
    public async Task A_job_that_loses_its_quorum_ends_with_every_lost_sites_name_and_reason()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        AddingExecutor Failing(string reason) => new(1, 1) { Before = (_, _) => throw new TaskFailedException(reason) };
        await using RunningAgent a = server.Agent("a", Failing("no disk"));
        await using RunningAgent b = server.Agent("b", Failing("no data"));
        await using RunningAgent c = server.Agent("c", new AddingExecutor(1, 1));
        JobFailedException failed = await Should.ThrowAsync<JobFailedException>(server.Run(Models.Job("lost", "a", "b", "c") with { MinSites = 2 }, initial).Job);
        failed.Message.ShouldContain("min_sites is 2: site 'a' failed: no disk; site 'b' failed: no data");
    }
}
