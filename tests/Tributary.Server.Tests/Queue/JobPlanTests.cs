using Tributary.Federation.Jobs;
using Tributary.Federation.Planning;
using Tributary.Federation.Tasks;
using Tributary.Server.Storage;
using Tributary.Server.Tests.Harness;
using Tributary.TestKit;

namespace Tributary.Server.Tests.Queue;

/// <summary>What is foreseen of a job is what it then moves, to the byte. An administrator who plans a line or a disk by it would be misled otherwise.</summary>
public sealed class JobPlanTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("fedavg", Exchange.Delta, "nf4", null)]
    [InlineData("fedavg", Exchange.Weights, "int8", null)]
    [InlineData("fedavg", Exchange.Delta, "fp32", 1)]
    [InlineData("fedavg", Exchange.Delta, "int8", 2)]
    [InlineData("fedavg", Exchange.Delta, "int2", null)]
    [InlineData("fedavg", Exchange.Delta, "topk", 2)]
    [InlineData("fedavg", Exchange.Delta, "ring", null)]
    [InlineData("scaffold", Exchange.Delta, "fp32", null)]
    [InlineData("cyclic", Exchange.Delta, "int8", null)]
    [InlineData("cyclic", Exchange.Weights, "fp16", null)]
    [InlineData("evaluate", Exchange.Delta, "nf4", null)]
    [InlineData("cross_site_evaluation", Exchange.Delta, "nf4", null)]
    public async Task A_job_moves_what_was_foreseen(string workflow, Exchange exchange, string precision, int? sample)
    {
        using MemorySource initial = Models.Gaussian();
        await using TestServer server = await TestServer.StartAsync();
        Job job = Models.Job("demo", "a", "b", "c") with
        {
            Workflow = workflow,
            Exchange = exchange,
            Precision = precision == JobPrecision.Integers ? new JobPrecision("nf4", precision, Ring: new JobRing(12)) : new JobPrecision(precision, precision),
            Aggregation = new JobAggregation(SamplesMax: 1000),
            Sample = sample is { } number ? new JobSample(number, null) : null,
        };
        JobPlan plan = JobPlan.Of(job, initial.Manifest);

        await using RunningAgent a = server.Agent("a", new AddingExecutor(1 / 64f, 1));
        await using RunningAgent b = server.Agent("b", new AddingExecutor(1 / 32f, 1));
        await using RunningAgent c = server.Agent("c", new AddingExecutor(1 / 16f, 1));
        JobRecord record = await server.Server.RunJobAsync(job, initial, static _ => { }, Cancel);
        foreach (RoundPlan round in plan.Rounds)
        {
            ResultRowSum(record, round.Round, MetricNames.BytesDown).ShouldBe(round.Down, $"down in round {round.Round}");
            ResultRowSum(record, round.Round, MetricNames.BytesUp).ShouldBe(round.Up, $"up in round {round.Round}");
        }

        record.Results.Max(result => result.Round).ShouldBe(plan.Rounds[^1].Round);
    }

    [Theory]
    [InlineData("fedavg")]
    [InlineData("cyclic")]
    public async Task The_first_and_the_last_message_have_the_precision_that_was_asked_for_them(string workflow)
    {
        using MemorySource initial = Models.Gaussian();
        await using TestServer server = await TestServer.StartAsync();
        Job job = Models.Job("demo", "a", "b") with { Workflow = workflow, Precision = new JobPrecision("topk", "topk", First: "int8", Last: "int1") };
        JobPlan plan = JobPlan.Of(job, initial.Manifest);
        await using RunningAgent a = server.Agent("a", new DriftingExecutor(1));
        await using RunningAgent b = server.Agent("b", new DriftingExecutor(2));
        JobRecord record = await server.Server.RunJobAsync(job, initial, static _ => { }, Cancel);
        foreach (RoundPlan round in plan.Rounds)
        {
            ResultRowSum(record, round.Round, MetricNames.BytesDown).ShouldBe(round.Down, $"down in round {round.Round}");
        }

        (record.Steps[0].Meaning.Precision, record.Steps[1].Meaning.Precision, record.Steps[^1].Meaning.Precision).ShouldBe(("int8", "topk", "int1"));
        record.Steps[^1].Length.ShouldBeGreaterThan(3 * record.Steps[^2].Length);
    }

    [Theory]
    [InlineData(0.01)]
    [InlineData(0.07)]
    public async Task Messages_within_a_budget_are_no_longer_than_was_foreseen(double budget)
    {
        using MemorySource initial = Models.Gaussian();
        await using TestServer server = await TestServer.StartAsync();
        Job job = Models.Job("demo", "a") with
        {
            Precision = new JobPrecision(JobPrecision.Adaptive, JobPrecision.Adaptive, null, new JobBudget { Task = budget, Result = budget }),
        };
        JobPlan plan = JobPlan.Of(job, initial.Manifest);
        await using RunningAgent a = server.Agent("a", new DriftingExecutor(1));
        JobRecord record = await server.Server.RunJobAsync(job, initial, static _ => { }, Cancel);
        foreach (RoundPlan round in plan.Rounds)
        {
            ResultRowSum(record, round.Round, MetricNames.BytesDown).ShouldBeInRange(round.Down / 2, round.Down);
            ResultRowSum(record, round.Round, MetricNames.BytesUp).ShouldBeInRange(round.Up / 2, round.Up);
        }

        // What was chosen is told: the first message is a whole model, in which nothing is.
        foreach (ResultRow result in record.Results)
        {
            Shares(result, MetricNames.UpShare).ShouldBe(result.Digest is null ? 0 : 1, 1e-9);
            Shares(result, MetricNames.DownShare).ShouldBe(result.Round == 1 ? 0 : 1, 1e-9);
        }

        static double Shares(ResultRow result, string prefix) => result.Metrics.Where(metric => metric.Key.StartsWith(prefix, StringComparison.Ordinal)).Sum(metric => metric.Value);
    }

    private static long ResultRowSum(JobRecord record, int round, string metric) =>
        record.Results.Where(result => result.Round == round).Sum(result => (long)result.Metrics.GetValueOrDefault(metric));
}
