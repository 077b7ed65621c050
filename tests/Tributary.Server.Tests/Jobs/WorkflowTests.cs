using System.Diagnostics;
using System.Threading.Channels;
using Tributary.Federation.Jobs;
using Tributary.Federation.Rounds;
using Tributary.Federation.Tasks;
using Tributary.Federation.Workflows;
using Tributary.Server.Storage;
using Tributary.Server.Tests.Harness;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;
using Tributary.TestKit;

namespace Tributary.Server.Tests.Jobs;

/// <summary>The workflows over the real server, journal and sites, with numbers that a reader can add up.</summary>
public sealed class WorkflowTests
{
    [Theory]
    [InlineData(Exchange.Weights)]
    [InlineData(Exchange.Delta)]
    public async Task Cyclic_hands_the_model_from_site_to_site(Exchange exchange)
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await using RunningAgent a = server.Agent("a", new AddingExecutor(1, 1));
        await using RunningAgent b = server.Agent("b", new AddingExecutor(2, 10));
        await using RunningAgent c = server.Agent("c", new AddingExecutor(4, 100));
        JobRecord record = await server.Run(Models.Job("ring", "a", "b", "c") with { Workflow = Cyclic.Name, Rounds = 2, Exchange = exchange }, initial).Job;

        using SafetensorsFile last = SafetensorsFile.Open(record.LastModel!);
        last.ReadFloats("w").ShouldBe(initial.ReadFloats("w").Select(value => value + (2 * 7)));
        record.Steps.Select(step => $"{step.Task} {step.Round}.{step.Step}").ShouldBe([
            "evaluate 1.0", "train 1.1", "train 1.2", "train 1.3", "evaluate 2.0", "train 2.1", "train 2.2", "train 2.3", "evaluate 3.0"]);
        record.Models.ShouldAllBe(model => model.Loss != null);
        Directory.GetFiles(Path.Combine(server.Folder, "jobs", "ring", "spool")).ShouldBeEmpty();
    }

    [Fact]
    public async Task Cyclic_passes_over_a_site_that_fails_where_the_quorum_allows_it()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await using RunningAgent a = server.Agent("a", new AddingExecutor(1, 1));
        await using RunningAgent b = server.Agent("b", new AddingExecutor(2, 1) { Before = (task, _) => task.Name == TaskNames.Train ? throw new TaskFailedException("no disk") : Task.CompletedTask });
        await using RunningAgent c = server.Agent("c", new AddingExecutor(4, 1));
        JobRecord record = await server.Run(Models.Job("ring", "a", "b", "c") with { Workflow = Cyclic.Name, Rounds = 1, MinSites = 2 }, initial).Job;
        using SafetensorsFile last = SafetensorsFile.Open(record.LastModel!);
        last.ReadFloats("w").ShouldBe(initial.ReadFloats("w").Select(value => value + 5));
    }

    [Fact]
    public async Task Evaluation_measures_the_model_everywhere_and_trains_nothing()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        var executor = new AddingExecutor(1, 1);
        await using RunningAgent a = server.Agent("a", executor);
        await using RunningAgent b = server.Agent("b", new AddingExecutor(1, 1));
        JobRecord record = await server.Run(Models.Job("look", "a", "b") with { Workflow = Evaluate.Name }, initial).Job;
        executor.Done.ShouldBe(["evaluate 1"]);
        record.Models.ShouldHaveSingleItem().Loss.ShouldBe(100 + (350 / 8.0));
    }

    [Fact]
    public async Task Cross_site_evaluation_measures_every_sites_model_at_every_site()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await using RunningAgent a = server.Agent("a", new AddingExecutor(1, 1));
        await using RunningAgent b = server.Agent("b", new AddingExecutor(5, 1));
        JobRecord record = await server.Run(Models.Job("matrix", "a", "b") with { Workflow = CrossSiteEvaluation.Name, Rounds = 2 }, initial).Job;

        // After round 1 the first weight is -43.75 + 3; in round 2 site a makes one more of it and site b five.
        double Loss(int step, string site) => record.Results.Single(result => result.Round == 2 && result.Step == step && result.Site == site).Metrics[MetricNames.ReceivedLoss];
        (Loss(1, "a"), Loss(1, "b"), Loss(2, "a"), Loss(2, "b")).ShouldBe((139.75, 139.75, 135.75, 135.75));
        using SafetensorsFile last = SafetensorsFile.Open(record.LastModel!);
        last.ReadFloats("w").ShouldBe(initial.ReadFloats("w").Select(value => value + 6));
    }

    [Theory]
    [InlineData(Exchange.Delta, null)]
    [InlineData(Exchange.Weights, null)]
    [InlineData(Exchange.Delta, "fedavgm")]
    [InlineData(Exchange.Weights, "fedavgm")]
    public async Task A_frozen_tensor_stays_as_it_is_and_is_not_sent_back_whatever_a_site_does_to_it(Exchange exchange, string? optimizer)
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await using RunningAgent a = server.Agent("a", new AddingExecutor(1, 1));
        await using RunningAgent b = server.Agent("b", new AddingExecutor(3, 1));
        Job job = Models.Job("frozen", "a", "b") with { Exchange = exchange, Rounds = 2, Train = new JobTraining { Freeze = ["w*"] } };
        JobRecord record = await server.Run(optimizer is null ? job : job with { ServerOptimizer = JobServerOptimizer.Default(ServerOptimizerName.FedAvgM) }, initial).Job;

        using SafetensorsFile last = SafetensorsFile.Open(record.LastModel!);
        last.ReadFloats("w").ShouldBe(initial.ReadFloats("w"));
        float moved = optimizer is null ? 4 : 2 + 2 + (0.9f * 2);
        last.ReadFloats("b")[0].ShouldBe(initial.ReadFloats("b")[0] + moved, 1e-5f);
        double up = record.Results.First(result => result.Round == 1).Metrics[MetricNames.BytesUp];
        up.ShouldBeLessThan(4 * 100 * 7, "the frozen tensor alone is larger than that");
        double down = record.Results.First(result => result.Round == 2).Metrics[MetricNames.BytesDown];
        (down < 4 * 100 * 7).ShouldBe(exchange == Exchange.Delta, "a change is of the trained tensors; weights are a whole model, which a site may not have yet");
    }

    [Fact]
    public async Task FedBuff_goes_on_without_its_slow_site_and_adds_what_that_sends_later_with_less_weight()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        var third = new TaskCompletionSource();
        Job job = Models.Job("buffer", "a", "b", "c") with { Workflow = FedBuff.Name, Rounds = 3, Buffer = new JobBuffer(2) };
        (Task<JobRecord> running, ChannelReader<JobEvent> events) = server.Run(job, initial);
        var slow = new AddingExecutor(8, 1) { Before = (task, _) => task is { Name: TaskNames.Train, Round: 1 } ? third.Task : Task.CompletedTask };
        await using (RunningAgent c = server.Agent("c", slow))
        {
            await events.UntilAsync<SiteProgressed>(progressed => progressed.Site == "c");
            var gate = new TaskCompletionSource();
            await using RunningAgent a = server.Agent("a", new AddingExecutor(1, 1));
            await using RunningAgent b = server.Agent("b", new AddingExecutor(1, 1) { Before = (task, _) => task is { Name: TaskNames.Train, Round: 3 } ? gate.Task : Task.CompletedTask });

            // Two rounds of a and b; the third buffer is a's change and the one that c made of the first model.
            await events.UntilAsync<ResultCounted>(counted => counted is { Round: 3, Site: "a" });
            third.SetResult();
            await events.UntilAsync<ModelSaved>(saved => saved.Round == 3);
            gate.SetResult();
            JobRecord record = await running;

            float expected = 1 + 1 + (float)((1 + (8 / Math.Sqrt(3))) / 2);
            using SafetensorsFile last = SafetensorsFile.Open(record.LastModel!);
            last.ReadFloats("w")[0].ShouldBe(initial.ReadFloats("w")[0] + expected, 1e-5f);
            record.Parts.Single(part => part is { Round: 1, Site: "c" }).ShouldBe(new PartRow(1, 0, "c", SiteState.Counted, null, 3, 0));
        }
    }

    [Fact]
    public async Task FedBuff_with_one_site_ten_times_slower_than_five_aggregates_as_many_updates_in_a_third_of_the_time()
    {
        const int Updates = 18;
        TimeSpan synchronous = await TimeToAggregateAsync(FedAvg.Name, null, rounds: Updates / 6, Updates);
        TimeSpan buffered = await TimeToAggregateAsync(FedBuff.Name, new JobBuffer(5), rounds: 4, Updates);
        (synchronous / buffered).ShouldBeGreaterThan(3);
        TestContext.Current.TestOutputHelper?.WriteLine($"{Updates} updates: fedavg {synchronous.TotalSeconds:0.00} s, fedbuff {buffered.TotalSeconds:0.00} s");
    }

    [Fact]
    public async Task FedBuff_after_a_restart_keeps_what_its_buffer_held()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        Job job = Models.Job("buffer", "a", "b", "c") with { Workflow = FedBuff.Name, Rounds = 2, Buffer = new JobBuffer(2) };
        (Task<JobRecord> running, ChannelReader<JobEvent> events) = server.Run(job, initial);
        var first = new AddingExecutor(1, 1);
        await using (RunningAgent a = server.Agent("a", first))
        {
            await events.UntilAsync<ResultCounted>(counted => counted.Site == "a");
        }

        await server.RestartAsync(running);
        running = server.Run(job, initial).Job;
        var second = new AddingExecutor(1, 1);
        await using RunningAgent again = server.Agent("a", second);
        await using RunningAgent b = server.Agent("b", new AddingExecutor(3, 1));
        await using RunningAgent c = server.Agent("c", new AddingExecutor(3, 1));
        JobRecord record = await running;
        first.Done.ShouldBe(["train 1"]);
        second.Done.ShouldNotContain("train 1");
        record.Parts.Single(part => part is { Round: 1, Site: "a" }).UsedRound.ShouldBe(1);
    }

    [Fact]
    public async Task What_a_workflow_keeps_is_there_after_a_restart_and_gone_when_it_is_too_old()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        var keeping = new Keeping(failInRound: 2);
        Job job = Models.Job("keeping", "a");
        await Should.ThrowAsync<JobFailedException>(server.Server.RunJobAsync(job, keeping, initial, static _ => { }, TestContext.Current.CancellationToken));
        await server.Server.RunJobAsync(job, new Keeping(failInRound: 0), initial, static _ => { }, TestContext.Current.CancellationToken);
        keeping.Made.ShouldBe(2);
        Directory.GetFiles(Path.Combine(server.Folder, "jobs", "keeping", "kept")).Select(Path.GetFileName).ShouldBe(["round-00003-momentum.safetensors"]);
    }

    /// <summary>The time until so many updates are in models, of five sites that take 0.2 s for one and a sixth that takes 2 s.</summary>
    private static async Task<TimeSpan> TimeToAggregateAsync(string workflow, JobBuffer? buffer, int rounds, int updates)
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        string[] sites = ["a", "b", "c", "d", "e", "f"];
        (Task<JobRecord> running, ChannelReader<JobEvent> events) = server.Run(Models.Job("pace", sites) with { Workflow = workflow, Buffer = buffer, Rounds = rounds }, initial);
        var agents = new List<RunningAgent>();
        long start = Stopwatch.GetTimestamp();
        foreach (string site in sites)
        {
            // What is measured is the waiting itself: an executor that sleeps stands for one that trains.
            TimeSpan pace = TimeSpan.FromSeconds(site == "f" ? 2 : 0.2);
            agents.Add(server.Agent(site, new AddingExecutor(1, 1) { Before = (task, token) => task.Name == TaskNames.Train ? Task.Delay(pace, token) : Task.CompletedTask }));
        }

        int aggregated = 0;
        TimeSpan taken = TimeSpan.Zero;
        while (aggregated < updates)
        {
            await events.UntilAsync<ModelSaved>(_ => true);
            aggregated += buffer?.Size ?? sites.Length;
            taken = Stopwatch.GetElapsedTime(start);
        }

        await running;
        foreach (RunningAgent agent in agents)
        {
            await agent.DisposeAsync();
        }

        return taken;
    }

    /// <summary>Adds up what it kept in the round before; does without sites.</summary>
    private sealed class Keeping(int failInRound) : Controller
    {
        public int Made { get; private set; }

        public override async Task RunAsync(ControllerContext context, CancellationToken cancellationToken)
        {
            GlobalModel global = context.Latest;
            for (int round = global.Round + 1; round <= context.Job.Rounds; round++)
            {
                TensorSource before = context.FindKept(round - 1, "momentum") ?? global.Weights;
                TensorSource momentum = await context.KeepAsync(round, "momentum", () => Make(before), cancellationToken);
                momentum.ReadFloats("w")[0].ShouldBe(-43.75f);
                if (round == failInRound)
                {
                    throw new JobFailedException("stopped between keeping and saving");
                }

                global = await context.SaveAsync(round, () => momentum, cancellationToken);
            }

            context.RecordLoss(global, 1);
        }

        private TensorSource Make(TensorSource before)
        {
            Made++;
            return before;
        }
    }
}
