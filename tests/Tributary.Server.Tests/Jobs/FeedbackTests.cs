using System.Threading.Channels;
using Tributary.Federation.Jobs;
using Tributary.Federation.Rounds;
using Tributary.Federation.Tasks;
using Tributary.Server.Storage;
using Tributary.Server.Tests.Harness;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;
using Tributary.TestKit;

namespace Tributary.Server.Tests.Jobs;

/// <summary>What a precision loses of a site's changes comes later, exactly once: otherwise a job in few bits learns something else than it was taught.</summary>
public sealed class FeedbackTests
{
    private const int Rounds = 6;

    private static readonly Job Coarse = Models.Job("coarse", "a") with { Precision = new JobPrecision("fp32", "nf4"), Rounds = Rounds };

    [Theory]
    [InlineData("nf4")]
    [InlineData("int8")]
    [InlineData("fp16")]
    public async Task What_was_sent_and_what_is_kept_are_together_what_was_trained(string precision)
    {
        using MemorySource initial = Models.Float32();
        await using TestServer server = await TestServer.StartAsync();
        var executor = new DriftingExecutor(1);
        await using RunningAgent a = server.Agent("a", executor);
        JobRecord record = await server.Run(Coarse with { Precision = new JobPrecision("fp32", precision) }, initial).Job;
        ShouldBeExact(record, initial, executor, server.SiteFolder("a"));
    }

    [Fact]
    public async Task Nothing_is_lost_or_counted_twice_when_tasks_are_tried_again()
    {
        using MemorySource initial = Models.Float32();
        await using TestServer server = await TestServer.StartAsync();
        var tried = new HashSet<int>();
        var executor = new DriftingExecutor(1)
        {
            // After the first attempt of each second round has been trained and encoded nothing of it may stay: the site fails before it trains, and trains anew.
            Before = (task, _) => task.Round % 2 == 0 && tried.Add(task.Round) ? throw new TaskFailedException("the trainer was killed") { IsTransient = true } : Task.CompletedTask,
        };
        await using RunningAgent a = server.Agent("a", executor);
        JobRecord record = await server.Run(Coarse, initial).Job;
        ShouldBeExact(record, initial, executor, server.SiteFolder("a"));
    }

    [Fact]
    public async Task Nothing_is_lost_or_counted_twice_when_the_site_ends_as_its_result_counts()
    {
        using MemorySource initial = Models.Float32();
        await using TestServer server = await TestServer.StartAsync();
        var executor = new DriftingExecutor(1);
        RunningAgent agent = server.Agent("a", executor);
        (Task<JobRecord> job, ChannelReader<JobEvent> events) = server.Run(Coarse, initial);
        for (int round = 1; round <= Rounds; round++)
        {
            // The answer may be on its way, or read, or lost with the site.
            await events.UntilAsync<ResultCounted>(result => result.Round == round);
            await agent.DisposeAsync();
            agent = server.Agent("a", executor);
        }

        JobRecord record = await job;
        await agent.DisposeAsync();
        ShouldBeExact(record, initial, executor, server.SiteFolder("a"));
    }

    [Fact]
    public async Task Nothing_is_lost_or_counted_twice_when_the_site_ends_while_it_sends()
    {
        using MemorySource initial = Models.Float32();
        await using TestServer server = await TestServer.StartAsync();
        var executor = new DriftingExecutor(1);
        RunningAgent agent = server.Agent("a", executor);
        (Task<JobRecord> job, ChannelReader<JobEvent> events) = server.Run(Coarse, initial);
        for (int round = 1; round <= Rounds; round++)
        {
            // What it trained then is trained anew, to something else: the message that counts is another, with another residual.
            await events.UntilAsync<JobEvent>(happened =>
                happened is SiteProgressed { Progress.Phase: TaskPhase.Uploading } progress && progress.Round == round || happened is ResultCounted counted && counted.Round == round);
            await agent.DisposeAsync();
            agent = server.Agent("a", executor);
        }

        JobRecord record = await job;
        await agent.DisposeAsync();
        ShouldBeExact(record, initial, executor, server.SiteFolder("a"));
    }

    [Fact]
    public async Task Nothing_is_lost_or_counted_twice_when_the_server_ends_within_every_round()
    {
        using MemorySource initial = Models.Float32();
        await using TestServer server = await TestServer.StartAsync();
        var executor = new DriftingExecutor(1);
        await using RunningAgent a = server.Agent("a", executor);
        (Task<JobRecord> job, ChannelReader<JobEvent> events) = server.Run(Coarse, initial);
        for (int round = 1; round <= Rounds; round++)
        {
            await events.UntilAsync<StepOpened>(step => step.Round == round);
            await server.RestartAsync(job);
            (job, events) = server.Run(Coarse, initial);
        }

        ShouldBeExact(await job, initial, executor, server.SiteFolder("a"));
    }

    [Fact]
    public async Task A_job_of_the_same_name_that_is_begun_anew_begins_without_the_others_residual()
    {
        using MemorySource initial = Models.Float32();
        using var site = new TempFolder();
        for (int run = 0; run < 2; run++)
        {
            await using TestServer server = await TestServer.StartAsync();
            var executor = new DriftingExecutor(1 + run);
            await using RunningAgent a = server.Agent("a", executor, site["a"]);
            ShouldBeExact(await server.Run(Coarse, initial).Job, initial, executor, site["a"]);
        }
    }

    [Theory]
    [InlineData("topk")]
    [InlineData("int1")]
    [InlineData(JobPrecision.Adaptive)]
    public async Task Sites_that_missed_rounds_end_with_the_model_of_the_others(string precision)
    {
        using MemorySource initial = Models.Float32();
        await using TestServer server = await TestServer.StartAsync();
        string[] sites = ["a", "b", "c"];
        RunningAgent[] agents = [.. sites.Select((site, at) => server.Agent(site, new DriftingExecutor(1 + at)))];

        // One is drawn for each round; in the evaluation at the end all take part.
        Job job = Models.Job("drawn", sites) with { Precision = new JobPrecision(precision, precision), Rounds = Rounds, Sample = new JobSample(1, null) };
        await server.Run(job, initial).Job;
        foreach (RunningAgent agent in agents)
        {
            await agent.DisposeAsync();
        }

        string[] held = [.. sites.Select(site => Directory.GetFiles(Path.Combine(server.SiteFolder(site), "held")).ShouldHaveSingleItem())];
        held.Select(Path.GetFileName).Distinct().ShouldHaveSingleItem("its name is the model's digest");
        byte[][] models = [.. held.Select(File.ReadAllBytes)];
        models.All(model => model.AsSpan().SequenceEqual(models[0])).ShouldBeTrue();
    }

    [Fact]
    public async Task An_adaptive_job_whose_server_ends_within_every_round_makes_the_same_model()
    {
        using MemorySource initial = Models.Float32();
        Job job = Models.Job("adaptive", "a", "b") with { Precision = new JobPrecision(JobPrecision.Adaptive, JobPrecision.Adaptive, null, new JobBudget { Task = 0.02, Result = 0.01 }) };
        byte[] undisturbed = await RunAsync(restarts: false), restarted = await RunAsync(restarts: true);
        restarted.AsSpan().SequenceEqual(undisturbed).ShouldBeTrue();

        async Task<byte[]> RunAsync(bool restarts)
        {
            await using TestServer server = await TestServer.StartAsync();
            await using RunningAgent a = server.Agent("a", new AddingExecutor(0.001f, 3));
            await using RunningAgent b = server.Agent("b", new AddingExecutor(0.004f, 5));
            (Task<JobRecord> running, ChannelReader<JobEvent> events) = server.Run(job, initial);
            for (int round = 1; restarts && round <= job.Rounds; round++)
            {
                await events.UntilAsync<StepOpened>(step => step.Round == round);
                await server.RestartAsync(running);
                (running, events) = server.Run(job, initial);
            }

            return await File.ReadAllBytesAsync((await running).LastModel!, TestContext.Current.CancellationToken);
        }
    }

    [Theory]
    [InlineData(null, false)]
    [InlineData(0.5, false)]
    [InlineData(0.0, true)]
    public async Task A_server_that_keeps_nothing_of_what_was_lost_on_the_way_goes_on_from_what_the_site_trained(double? kept, bool isTheSites)
    {
        using MemorySource initial = Models.Float32();
        await using TestServer server = await TestServer.StartAsync();
        var executor = new DriftingExecutor(1);
        await using RunningAgent a = server.Agent("a", executor);
        JobRecord record = await server.Run(Coarse with { Precision = new JobPrecision("int2", "fp32"), TaskFeedback = kept }, initial).Job;
        using SafetensorsFile last = SafetensorsFile.Open(record.LastModel!);
        float[] global = last.ReadFloats(initial.Manifest[^1].Spec.Name);
        double apart = global.Zip(executor.Trained, (one, other) => Math.Abs((double)one - other)).Max();
        (apart < 1e-6).ShouldBe(isTheSites, $"{apart}");
    }

    [Fact]
    public async Task What_was_lost_of_a_result_that_is_refused_is_not_what_is_kept()
    {
        using MemorySource initial = Models.Float32();
        await using TestServer server = await TestServer.StartAsync();
        await using RunningAgent a = server.Agent("a", new DriftingExecutor(1));
        await using RunningAgent b = server.Agent("b", new DriftingExecutor(2));
        await using RunningAgent c = server.Agent("c", new DriftingExecutor(3) { Scale = round => round == 2 ? 100 : 1 });
        JobRecord record = await server.Run(Coarse with { Sites = ["a", "b", "c"], MinSites = 2, Rounds = 3 }, initial).Job;
        record.Parts.Single(part => part is { Site: "c", Round: 2 }).State.ShouldBe(SiteState.Refused);

        // Of the third round, and of the last one before it that counts.
        string[] kept = [.. Directory.GetFiles(Path.Combine(server.SiteFolder("c"), "residuals", "coarse")).Select(path => Path.GetFileNameWithoutExtension(path)).Order(StringComparer.Ordinal)];
        kept.ShouldBe(record.Results.Where(result => result is { Site: "c", Round: 1 or 3 }).Select(result => result.Digest!.Replace(':', '-')).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(0.0)]
    public async Task Tensors_that_are_no_floats_are_what_they_were_however_much_of_a_loss_is_forgotten(double kept)
    {
        byte[] mask = [.. Enumerable.Range(0, 64).Select(i => (byte)(i % 2))];
        using var initial = new MemorySource(MemorySource.Gaussian("w", DType.F32, [65, 64], 1, 0.02f), (new TensorSpec("mask", DType.U8, new TensorShape(64)), mask));
        await using TestServer server = await TestServer.StartAsync();
        await using RunningAgent a = server.Agent("a", new AddingExecutor(0.01f, 1));
        JobRecord record = await server.Run(Coarse with { Precision = new JobPrecision("int2", "fp32"), TaskFeedback = kept }, initial).Job;
        using SafetensorsFile last = SafetensorsFile.Open(record.LastModel!);
        byte[] found = new byte[mask.Length];
        last.Read(new Tile(last.Manifest.Select((entry, place) => (entry, place)).Single(pair => pair.entry.Spec.Name == "mask").place, 0), 0, found);
        found.ShouldBe(mask);
    }

    [Fact]
    public async Task Without_feedback_nothing_is_kept()
    {
        using MemorySource initial = Models.Float32();
        await using TestServer server = await TestServer.StartAsync();
        await using RunningAgent a = server.Agent("a", new DriftingExecutor(1));
        await server.Run(Coarse with { Feedback = 0 }, initial).Job;
        Directory.Exists(Path.Combine(server.SiteFolder("a"), "residuals")).ShouldBeFalse();
    }

    /// <summary>Of one site the global model is what it began with and every message that counts; the rest of what was trained is the residual.</summary>
    private static void ShouldBeExact(JobRecord record, MemorySource initial, DriftingExecutor executor, string siteFolder)
    {
        record.Results.Count(result => result.Digest is not null).ShouldBe(Rounds);
        using SafetensorsFile last = SafetensorsFile.Open(record.LastModel!);
        using SafetensorsFile residual = SafetensorsFile.Open(ResidualOf(record, siteFolder));
        foreach (string name in initial.Manifest.Select(entry => entry.Spec.Name))
        {
            float[] start = initial.ReadFloats(name), end = last.ReadFloats(name), kept = residual.ReadFloats(name);
            float[][] changes = [.. Enumerable.Range(1, Rounds).Select(round => executor.Changes[round].ReadFloats(name))];
            kept.Any(value => value != 0).ShouldBeTrue();
            for (int i = 0; i < start.Length; i++)
            {
                double trained = changes.Sum(change => (double)change[i]);
                double sent = (double)end[i] - start[i];

                // Each of the rounds rounds the model, and the sums on both sides, once.
                double rounding = 4 * Rounds * (Math.Abs(start[i]) + 0.1) * 6e-8;
                Math.Abs(trained - sent - kept[i]).ShouldBeLessThan(rounding, $"{name}[{i}]");
            }
        }
    }

    private static string ResidualOf(JobRecord record, string siteFolder)
    {
        string digest = record.Results.Where(result => result.Digest is not null).MaxBy(result => result.Round)!.Digest!;
        return Path.Combine(siteFolder, "residuals", "coarse", digest.Replace(':', '-') + ".safetensors");
    }
}
