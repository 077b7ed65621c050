using System.Threading.Channels;
using Tributary.Federation.Jobs;
using Tributary.Federation.Rounds;
using Tributary.Server.Tests.Harness;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;
using Tributary.TestKit;

namespace Tributary.Server.Tests.Jobs;

/// <summary>A job with a server optimizer over the real server, journal and sites.</summary>
public sealed class ServerOptimizerTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(ServerOptimizerName.FedAvgM)]
    [InlineData(ServerOptimizerName.FedAdam)]
    [InlineData(ServerOptimizerName.DiLoCo)]
    public async Task A_server_that_ends_within_every_round_makes_the_model_of_an_undisturbed_one_byte_for_byte(ServerOptimizerName name)
    {
        using MemorySource initial = Models.Gaussian();
        Job job = Models.Job("steps", "a", "b") with { Precision = new JobPrecision("nf4", "nf4"), ServerOptimizer = JobServerOptimizer.Default(name) };
        byte[] undisturbed;
        await using (TestServer server = await TestServer.StartAsync())
        {
            await using RunningAgent one = server.Agent("a", new AddingExecutor(0.001f, 3));
            await using RunningAgent other = server.Agent("b", new AddingExecutor(0.004f, 5));
            undisturbed = await File.ReadAllBytesAsync((await server.Run(job, initial).Job).LastModel, Cancel);
        }

        await using TestServer restarted = await TestServer.StartAsync();
        await using RunningAgent a = restarted.Agent("a", new AddingExecutor(0.001f, 3));
        await using RunningAgent b = restarted.Agent("b", new AddingExecutor(0.004f, 5));
        (Task<JobRecord> running, ChannelReader<JobEvent> events) = restarted.Run(job, initial);
        for (int round = 1; round <= job.Rounds; round++)
        {
            await events.UntilAsync<StepOpened>(step => step.Round == round);
            await restarted.RestartAsync(running);
            (running, events) = restarted.Run(job, initial);
        }

        (await File.ReadAllBytesAsync((await running).LastModel, Cancel)).AsSpan().SequenceEqual(undisturbed).ShouldBeTrue();
    }

    [Fact]
    public async Task Momentum_carries_a_model_on_in_the_direction_of_earlier_rounds()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await using RunningAgent a = server.Agent("a", new AddingExecutor(1, 1));
        await using RunningAgent b = server.Agent("b", new AddingExecutor(3, 1));
        var momentum = new JobServerOptimizer(ServerOptimizerName.FedAvgM, LearningRate: 1, Momentum: 0.5);
        JobRecord record = await server.Run(Models.Job("carried", "a", "b") with { ServerOptimizer = momentum }, initial).Job;

        // The mean change is 2 in each of three rounds, and half of a round's step goes on in the next: 2 + 3 + 3.5.
        using SafetensorsFile last = SafetensorsFile.Open(record.LastModel);
        last.ReadFloats("w").ShouldBe(initial.ReadFloats("w").Select(value => value + 8.5f));
    }

    [Fact]
    public async Task A_median_job_is_not_moved_by_one_site_of_three()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await using RunningAgent a = server.Agent("a", new AddingExecutor(1, 1));
        await using RunningAgent b = server.Agent("b", new AddingExecutor(-1000, 1000));
        await using RunningAgent c = server.Agent("c", new AddingExecutor(2, 1));
        Job job = Models.Job("middle", "a", "b", "c") with { Aggregation = new JobAggregation(Reducer.Median, NormLimit: 0) };
        JobRecord record = await server.Run(job, initial).Job;
        using SafetensorsFile last = SafetensorsFile.Open(record.LastModel);
        last.ReadFloats("w").ShouldBe(initial.ReadFloats("w").Select(value => value + 3));
    }
}
