using System.Security.Cryptography;
using System.Threading.Channels;
using Tributary.Federation.Jobs;
using Tributary.Federation.Rounds;
using Tributary.Federation.Tasks;
using Tributary.Federation.Workflows;
using Tributary.Server.Tests.Harness;
using Tributary.Tensors.Safetensors;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Server.Tests.Jobs;

/// <summary>A job whose server learns sums alone: over the wire, with sites that come and go. A slip here ruins a model without a word, or shows what was to stay hidden.</summary>
public sealed class SecureAggregationTests
{
    [Fact]
    public async Task The_model_of_masked_sums_is_that_of_bare_ones_byte_for_byte()
    {
        string bare = await ModelOfAsync(Ring("bare", "a", "b", "c") with { SecureAggregation = null });
        (await ModelOfAsync(Ring("masked", "a", "b", "c"))).ShouldBe(bare);
    }

    [Fact]
    public async Task A_sum_can_be_weighted_by_records_and_nobody_is_told_how_many_a_site_has()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        var models = new List<float[]>();
        foreach (string kind in new[] { "masked", "bare", "plain" })
        {
            // Sites of 20, 40 and 300 records, of which 80 count at most.
            Job job = Ring(kind, "a", "b", "c") with { Aggregation = new JobAggregation(NormLimit: 0, SamplesMax: kind == "plain" ? 1000 : 80), Rounds = 1 };
            job = kind == "masked" ? job : job with { SecureAggregation = null, Precision = kind == "bare" ? job.Precision : new JobPrecision("nf4", "fp32") };
            await using Agents agents = Agents.Of(server, job, site => new DriftingExecutor(site) { Samples = site == 3 ? kind == "plain" ? 80 : 300 : 20 * site });
            JobRecord record = await server.Run(job, initial).Job;
            record.Results.Where(result => result.Digest is not null).Select(result => result.Samples).Distinct().ShouldBe(kind == "masked" ? [1] : [20, 40, 80]);
            record.Results.Any(result => result.Metrics.ContainsKey(MetricNames.TrainRecords)).ShouldBe(kind != "masked");
            record.Models[^1].Loss.ShouldBe(1);
            using SafetensorsFile model = SafetensorsFile.Open(record.LastModel!);
            models.Add(model.ReadFloats("w"));
        }

        models[0].ShouldBe(models[1]);

        // A step of the ring is 0.1 over 10922; three sites' are rounded.
        models[1].Zip(models[2]).Max(pair => Math.Abs(pair.First - pair.Second)).ShouldBeInRange(1e-9f, 5e-5f);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task How_far_a_site_has_come_tells_no_number_of_records_that_the_sum_hides(bool isMasked)
    {
        Job job = Ring("told", "a", "b", "c") with { Aggregation = new JobAggregation(NormLimit: 0, SamplesMax: 80), Rounds = 1 };
        job = isMasked ? job : job with { SecureAggregation = null };
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        var seen = new TaskCompletionSource();
        await using Agents agents = Agents.Of(server, job, site => new TellingExecutor(site, seen.Task));
        (Task<JobRecord> running, ChannelReader<JobEvent> events) = server.Run(job, initial);
        TaskProgress told = (await events.UntilAsync<SiteProgressed>(happened => happened.Progress.Phase == TaskPhase.Training)).Progress;
        seen.SetResult();
        await running;
        told.ShouldBe(isMasked ? new TaskProgress(TaskPhase.Training) : TellingExecutor.Told);
    }

    [Fact]
    public async Task What_lies_at_the_server_of_a_site_are_masked_integers_and_not_its_own()
    {
        using MemorySource initial = Models.Float32();
        await using TestServer server = await TestServer.StartAsync();
        var seen = new List<byte[]>();
        foreach (bool isMasked in new[] { false, true })
        {
            Job job = Ring(isMasked ? "masked" : "bare", "a", "b", "c") with { SecureAggregation = isMasked ? new JobSecureAggregation() : null, Rounds = 1 };
            await using Agents agents = Agents.Of(server, job);
            (Task<JobRecord> running, ChannelReader<JobEvent> events) = server.Run(job, initial);
            await events.UntilAsync<ResultCounted>(result => result.Site == "a" && result.BytesUp > 0);
            seen.Add(await File.ReadAllBytesAsync(Directory.GetFiles(Path.Combine(server.Folder, "jobs", job.Name, "spool"), "*-a.safetensors").Single(), TestContext.Current.CancellationToken));
            await running;
        }

        // Changes are small, so some high bytes of bare integers are far more frequent than others; of masked ones each is as frequent as any other.
        Highest(seen[0]).ShouldBeGreaterThan(0.05);
        Highest(seen[1]).ShouldBeLessThan(0.006);
    }

    [Fact]
    public async Task A_site_that_fails_to_train_drops_out_and_the_sum_is_the_others()
    {
        Job job = Ring("three-of-four", "a", "b", "c", "d") with { MinSites = 3, Rounds = 2 };
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await using Agents agents = Agents.Of(server, job, site => new DriftingExecutor(site)
        {
            Before = (task, _) => site == 4 && task.Round == 1 ? throw new TaskFailedException("out of memory") : Task.CompletedTask,
        });
        JobRecord record = await server.Run(job, initial).Job;
        record.Models.Count.ShouldBe(3);
        record.Parts.ShouldContain(part => part.Round == 1 && part.Site == "d" && part.State == SiteState.Failed && part.Reason!.Contains("out of memory"));
        record.Parts.Where(part => part.Round == 2 && part.Site == "d").ShouldAllBe(part => part.State == SiteState.Counted);
    }

    [Fact]
    public async Task A_site_that_was_started_again_has_lost_its_secrets_and_drops_out_of_the_round_alone()
    {
        Job job = Ring("restarted-site", "a", "b", "c", "d") with { MinSites = 3, Rounds = 2 };
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        using var gate = new SemaphoreSlim(0);
        await using Agents agents = Agents.Of(server, job, site => new DriftingExecutor(site) { Before = (task, token) => task.Round == 1 && site < 4 ? gate.WaitAsync(token) : Task.CompletedTask });
        (Task<JobRecord> running, ChannelReader<JobEvent> events) = server.Run(job, initial);
        await events.UntilAsync<StepOpened>(step => step.Task == AggregationTasks.Shares);
        await agents.RestartAsync("d");
        gate.Release(1000);
        JobRecord record = await running;
        record.Models.Count.ShouldBe(3);
        record.Parts.Where(part => part.Round == 2 && part.Site == "d").ShouldAllBe(part => part.State == SiteState.Counted);
    }

    [Fact]
    public async Task Where_all_sites_were_started_again_the_round_is_begun_anew_with_new_keys()
    {
        Job job = Ring("restarted-sites", "a", "b", "c") with { Rounds = 1 };
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        var first = new TaskCompletionSource();
        await using Agents agents = Agents.Of(server, job, site => new DriftingExecutor(site) { Before = (task, token) => first.Task.WaitAsync(token) });
        (Task<JobRecord> running, ChannelReader<JobEvent> events) = server.Run(job, initial);
        await events.UntilAsync<StepOpened>(step => step.Task == TaskNames.Train);
        foreach (string site in job.Sites)
        {
            await agents.RestartAsync(site);
        }

        first.SetResult();
        (await events.UntilAsync<SumBegunAgain>(static _ => true)).Reason.ShouldContain("no keys of round 1");
        JobRecord record = await running;
        record.Models.Count.ShouldBe(2);
        record.Steps.ShouldContain(step => step.Step >= AggregationTasks.StepsOfAttempt);
    }

    [Fact]
    public async Task A_server_that_is_started_again_between_any_two_stages_comes_to_the_same_model()
    {
        Job job = Ring("restarted-server", "a", "b", "c") with { Rounds = 1 };
        string undisturbed = await ModelOfAsync(job);
        foreach (string stage in new[] { AggregationTasks.Shares, TaskNames.Train, AggregationTasks.Survivors, AggregationTasks.Unmasking })
        {
            using MemorySource initial = Models.Eighths();
            await using TestServer server = await TestServer.StartAsync();
            await using Agents agents = Agents.Of(server, job);
            (Task<JobRecord> running, ChannelReader<JobEvent> events) = server.Run(job, initial);
            await events.UntilAsync<StepOpened>(step => step.Task == stage);
            await server.RestartAsync(running);
            JobRecord record = await server.Run(job, initial).Job;
            (await DigestAsync(record)).ShouldBe(undisturbed, stage);
        }
    }

    [Fact]
    public async Task With_too_few_sites_there_is_no_sum_and_the_job_says_how_many_are_needed()
    {
        Job job = Ring("too-few", "a", "b", "c") with { MinSites = 2, TaskRetries = 0 };
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await using Agents agents = Agents.Of(server, job, site => new DriftingExecutor(site) { Before = (_, _) => site == 3 ? throw new TaskFailedException("no GPU") : Task.CompletedTask });
        JobFailedException failed = await Should.ThrowAsync<JobFailedException>(server.Run(job, initial).Job);
        failed.Message.ShouldContain("no GPU");
    }

    [Fact]
    public async Task A_site_without_a_key_to_sign_with_says_so()
    {
        Job job = Ring("unsigned", "a", "b", "c") with { TaskRetries = 0 };
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await using RunningAgent agent = server.Agent("a", new DriftingExecutor(1), change: options => options with { Statements = null });
        await using RunningAgent b = server.Agent("b", new DriftingExecutor(2));
        await using RunningAgent c = server.Agent("c", new DriftingExecutor(3));
        (await Should.ThrowAsync<JobFailedException>(server.Run(job, initial).Job)).Message.ShouldContain("this site has none");
    }

    private static Job Ring(string name, params string[] sites) => Models.Job(name, sites) with
    {
        Precision = new JobPrecision("nf4", JobPrecision.Integers, Ring: new JobRing(16)),
        Aggregation = new JobAggregation(Weights: UpdateWeights.Uniform, NormLimit: 0),
        SecureAggregation = new JobSecureAggregation(),
        Rounds = 2,
    };

    private static async Task<string> ModelOfAsync(Job job)
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await using Agents agents = Agents.Of(server, job);
        JobRecord record = await server.Run(job, initial).Job;
        return await DigestAsync(record);
    }

    private static async Task<string> DigestAsync(JobRecord record) => Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(record.LastModel!, TestContext.Current.CancellationToken)));

    /// <summary>The share of the most frequent value among the high bytes of 16-bit integers.</summary>
    private static double Highest(byte[] message)
    {
        int[] counts = new int[256];
        for (int i = message.Length - 100_001; i < message.Length; i += 2)
        {
            counts[message[i]]++;
        }

        return counts.Max() / (double)counts.Sum();
    }

    /// <summary>Says how far it has come, and goes on when that was seen.</summary>
    private sealed class TellingExecutor(int site, Task seen) : Executor
    {
        public static readonly TaskProgress Told = new(TaskPhase.Training, 3, 7, 2.5, 100);

        private readonly DriftingExecutor _inner = new(site);

        public override async Task<TaskResult> ExecuteAsync(TaskData task, IProgress<TaskProgress> progress, CancellationToken cancellationToken)
        {
            if (task.Name == TaskNames.Train)
            {
                progress.Report(Told);
                await seen.WaitAsync(cancellationToken);
            }

            return await _inner.ExecuteAsync(task, progress, cancellationToken);
        }
    }

    /// <summary>A job's sites, each with an executor that other noise comes from.</summary>
    private sealed class Agents(TestServer server, Dictionary<string, (RunningAgent Agent, Executor Executor)> all) : IAsyncDisposable
    {
        public static Agents Of(TestServer server, Job job, Func<int, Executor>? executor = null) => new(server, job.Sites.Select((site, place) => (site, Executor: executor?.Invoke(place + 1) ?? new DriftingExecutor(place + 1)))
            .ToDictionary(pair => pair.site, pair => (server.Agent(pair.site, pair.Executor), pair.Executor)));

        public async Task RestartAsync(string site)
        {
            await all[site].Agent.DisposeAsync();
            all[site] = (server.Agent(site, all[site].Executor), all[site].Executor);
        }

        public async ValueTask DisposeAsync()
        {
            foreach ((RunningAgent agent, _) in all.Values)
            {
                await agent.DisposeAsync();
            }
        }
    }
}
