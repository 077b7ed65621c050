using System.Threading.Channels;
using Tributary.Federation.Aggregation;
using Tributary.Federation.Jobs;
using Tributary.Federation.Rounds;
using Tributary.Federation.Tasks;
using Tributary.Federation.Workflows;
using Tributary.Privacy.Accounting;
using Tributary.Server.Tests.Harness;
using Tributary.Site.Privacy;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;
using Tributary.TestKit;

namespace Tributary.Server.Tests.Jobs;

/// <summary>Jobs that promise differential privacy: what they spend, when they stop, what leaves a site. A slip here breaks a promise that nobody can take back.</summary>
public sealed class PrivateJobTests
{
    private static readonly JobPrivacy Central = new() { Unit = PrivacyUnit.Site, Noise = NoisePlace.Server, Clip = 2, NoiseMultiplier = 4, Delta = 1e-5 };

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task A_job_runs_exactly_the_rounds_that_its_budget_allows_and_says_why_it_stops(int rounds)
    {
        var mechanism = new GaussianMechanism(Central.NoiseMultiplier);
        double budget = (RenyiCurve.Of(mechanism).Times(rounds).Epsilon(1e-5) + RenyiCurve.Of(mechanism).Times(rounds + 1).Epsilon(1e-5)) / 2;
        Calibration.RoundsFor(mechanism, new PrivacyBudget(budget, 1e-5)).ShouldBe(rounds);

        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await using RunningAgent a = server.Agent("a", new DriftingExecutor(1));
        await using RunningAgent b = server.Agent("b", new DriftingExecutor(2));
        JobRecord record = await server.Run(Job("budget", Central with { Epsilon = budget }) with { Rounds = 10 }, initial).Job;

        record.Models[^1].Round.ShouldBe(rounds);
        record.Epsilons.Count.ShouldBe(rounds);
        record.Epsilons[^1].ShouldBeLessThanOrEqualTo(budget);
        record.EndedEarly!.ShouldStartWith($"the privacy budget allows {rounds} of 10 rounds: epsilon is ");
        File.ReadAllLines(Path.Combine(server.Folder, "jobs", "budget", "privacy", "privacy-ledger.jsonl")).Length.ShouldBe(rounds + 1);
    }

    [Fact]
    public async Task A_budget_that_allows_no_round_is_refused_before_anybody_trains()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        JobFailedException refused = await Should.ThrowAsync<JobFailedException>(server.Run(Job("none", Central with { Epsilon = 0.01 }), initial).Job);
        refused.Message.ShouldContain("allows not even one round");
    }

    [Fact]
    public async Task The_servers_noise_has_the_size_that_was_promised_and_each_sites_change_its_bound()
    {
        using MemorySource initial = Models.Float32();
        await using TestServer server = await TestServer.StartAsync();

        // Their changes are some five times as long as the bound.
        var (first, second) = (new DriftingExecutor(1), new DriftingExecutor(2));
        await using RunningAgent a = server.Agent("a", first);
        await using RunningAgent b = server.Agent("b", second);
        JobRecord record = await server.Run(Job("noise", Central) with { Rounds = 1, Precision = new JobPrecision("fp32", "fp32") }, initial).Job;

        using SafetensorsFile model = SafetensorsFile.Open(record.LastModel!);
        float[] change = [.. model.ReadFloats("embed").Zip(initial.ReadFloats("embed"), (after, before) => after - before)];
        float[] clipped = [.. Clipped(first).Zip(Clipped(second), (x, y) => (x + y) / 2)];
        double deviation = Deviation([.. change.Zip(clipped, (noised, exact) => noised - exact)]);
        deviation.ShouldBe(Central.NoiseMultiplier * Central.Clip / 2, 0.02);
        Deviation(clipped).ShouldBeLessThan(Central.Clip / Math.Sqrt(change.Length) * 1.01);

        float[] Clipped(DriftingExecutor executor)
        {
            MemorySource full = executor.Changes[1];
            double norm = UpdateNorm.Of(full, TestContext.Current.CancellationToken);
            norm.ShouldBeGreaterThan(3 * Central.Clip);
            return [.. full.ReadFloats("embed").Select(value => (float)(value * Central.Clip / norm))];
        }
    }

    [Fact]
    public async Task Nothing_that_a_site_measured_leaves_it()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await using RunningAgent a = server.Agent("a", new DriftingExecutor(1));
        await using RunningAgent b = server.Agent("b", new DriftingExecutor(2));
        JobRecord record = await server.Run(Job("withheld", Central with { Figures = PrivateFigures.Withheld }), initial).Job;
        record.Results.ShouldAllBe(result => result.Samples == 1);
        string[] told = [.. record.Results.SelectMany(result => result.Metrics.Keys).Distinct().Order(StringComparer.Ordinal)];
        told.ShouldBe([MetricNames.BytesDown, MetricNames.BytesUp, MetricNames.DownloadSeconds, MetricNames.HeaderBytes, MetricNames.UpdateNorm, MetricNames.UploadSeconds]);
        record.Models.ShouldAllBe(model => model.Loss == null);
        record.Steps.ShouldAllBe(step => step.Task == TaskNames.Train);
    }

    [Fact]
    public async Task Why_training_failed_stays_at_the_site_where_its_figures_do()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await using RunningAgent a = server.Agent("a", new DriftingExecutor(1) { Before = (_, _) => throw new TaskFailedException("the held-out loss is 7.125") });
        await using RunningAgent b = server.Agent("b", new DriftingExecutor(2));
        JobFailedException failed = await Should.ThrowAsync<JobFailedException>(server.Run(Job("withheld", Central with { Figures = PrivateFigures.Withheld }), initial).Job);
        failed.Message.ShouldContain("why is in this site's log");
        failed.Message.ShouldNotContain("7.125");
    }

    [Fact]
    public async Task What_a_precision_loses_of_a_private_change_comes_with_the_next_as_of_any_other()
    {
        var record = new JobPrivacy { Unit = PrivacyUnit.Record, Clip = 1, NoiseMultiplier = 1, SamplingRate = 0.5, Figures = PrivateFigures.Told };
        var models = new List<float[]>();
        foreach (JobPrivacy? privacy in new[] { null, record })
        {
            using MemorySource initial = Models.Eighths();
            await using TestServer server = await TestServer.StartAsync();
            await using RunningAgent a = server.Agent("a", new DriftingExecutor(1));
            await using RunningAgent b = server.Agent("b", new DriftingExecutor(2));
            Job job = Job("lossy", record) with { Privacy = privacy, Precision = new JobPrecision("int2", "int2"), Rounds = 4 };
            using SafetensorsFile model = SafetensorsFile.Open((await server.Run(job, initial).Job).LastModel!);
            models.Add(model.ReadFloats("w"));
        }

        models[1].ShouldBe(models[0]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_site_that_is_ended_while_it_sends_sends_the_same_noise_again_and_does_not_train_anew(bool isRing)
    {
        Job job = Job("frozen", Central with { Noise = NoisePlace.Site }) with { Precision = isRing ? new JobPrecision("fp32", JobPrecision.Integers, Ring: new JobRing(24)) : new JobPrecision("fp32", "fp32") };
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        int trained = 0;
        var executor = new DriftingExecutor(1)
        {
            Before = (task, _) =>
            {
                trained += task.Name == TaskNames.Train ? 1 : 0;
                return Task.CompletedTask;
            },
        };
        RunningAgent agent = server.Agent("a", executor);
        await using RunningAgent b = server.Agent("b", new DriftingExecutor(2));
        (Task<JobRecord> running, ChannelReader<JobEvent> events) = server.Run(job, initial);
        for (int round = 1; round <= job.Rounds; round++)
        {
            await events.UntilAsync<JobEvent>(happened => happened switch
            {
                SiteProgressed { Site: "a", Progress.Phase: TaskPhase.Uploading } progress => progress.Round == round,
                ResultCounted { Site: "a" } counted => counted.Round == round,
                _ => false,
            });
            await agent.DisposeAsync();
            agent = server.Agent("a", executor);
        }

        JobRecord record = await running;
        await agent.DisposeAsync();
        record.Models.Count.ShouldBe(job.Rounds + 1);
        trained.ShouldBe(job.Rounds);
        File.ReadAllLines(Path.Combine(server.SiteFolder("a"), "privacy", "frozen", "privacy-ledger.jsonl")).Length.ShouldBe(job.Rounds + 1);
    }

    [Theory]
    [InlineData(1.0, 1e-5, "job's budget is larger, and the site's counts")]
    [InlineData(100.0, 1e-7, "delta of 1e-5, and this site takes at most 1e-7")]
    public async Task A_site_keeps_to_its_own_budget_whatever_the_job_says(double epsilon, double delta, string what)
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await using RunningAgent a = server.Agent("a", new DriftingExecutor(1), change: options => options with { Rules = options.Rules with { Privacy = new SiteBudget(epsilon, delta) } });
        await using RunningAgent b = server.Agent("b", new DriftingExecutor(2));
        JobFailedException failed = await Should.ThrowAsync<JobFailedException>(server.Run(Job("own", Central with { Noise = NoisePlace.Site, Epsilon = 50 }), initial).Job);
        failed.Message.ShouldContain(epsilon < 2 ? "above the budget of 1 at delta" : what);
    }

    [Fact]
    public async Task A_site_with_a_budget_takes_no_job_without_privacy()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await using RunningAgent a = server.Agent("a", new DriftingExecutor(1), change: options => options with { Rules = options.Rules with { Privacy = new SiteBudget(3, 1e-5) } });
        await using RunningAgent b = server.Agent("b", new DriftingExecutor(2));
        (await Should.ThrowAsync<JobFailedException>(server.Run(Models.Job("bare", "a", "b"), initial).Job)).Message.ShouldContain("takes jobs only whose noise is added at the sites");
        (await Should.ThrowAsync<JobFailedException>(server.Run(Job("central", Central), initial).Job)).Message.ShouldContain("takes jobs only whose noise is added at the sites");
    }

    private static Job Job(string name, JobPrivacy privacy) => Models.Job(name, "a", "b") with
    {
        Privacy = privacy with { Figures = privacy.Figures == PrivateFigures.Withheld && name != "withheld" ? PrivateFigures.Told : privacy.Figures },
        Precision = new JobPrecision("nf4", "nf4"),
        Aggregation = new JobAggregation(Weights: UpdateWeights.Uniform, NormLimit: 0),
    };

    private static double Deviation(float[] values) => Math.Sqrt(values.Sum(value => (double)value * value) / values.Length);
}
