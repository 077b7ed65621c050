using System.Threading.Channels;
using Tributary.Federation.Jobs;
using Tributary.Federation.Rounds;
using Tributary.Federation.Tasks;
using Tributary.Server.Tests.Harness;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;
using Tributary.TestKit;

namespace Tributary.Server.Tests.Jobs;

public sealed class RestartTests
{
    private static readonly Job Lossy = Models.Job("lossy", "a", "b") with { Precision = new JobPrecision("nf4", "nf4") };

    /// <summary>A site that lost its disk has lost its residual, too, and learns again what was in it: with feedback the model would be another.</summary>
    private static readonly Job WithoutResiduals = Lossy with { Feedback = 0 };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_server_that_ends_within_a_round_goes_on_with_the_results_it_has_and_makes_the_same_model()
    {
        using MemorySource initial = Models.Gaussian();
        byte[] undisturbed = await UndisturbedAsync(initial);
        await using TestServer server = await TestServer.StartAsync();
        var release = new TaskCompletionSource();
        var first = new AddingExecutor(0.001f, 3);
        var second = new AddingExecutor(0.004f, 5) { Before = (task, token) => task.Round == 2 ? release.Task.WaitAsync(token) : Task.CompletedTask };
        await using RunningAgent a = server.Agent("a", first);
        await using RunningAgent b = server.Agent("b", second);

        (Task<JobRecord> job, ChannelReader<JobEvent> events) = server.Run(Lossy, initial);
        await events.UntilAsync<ResultCounted>(result => result is { Round: 2, Site: "a" });
        while (second.Done.Count < 2)
        {
            // Site b is at work, too, when the server ends.
            await events.UntilAsync<SiteProgressed>(progress => progress is { Round: 2, Site: "b" });
        }

        await server.RestartAsync(job);
        (job, events) = server.Run(Lossy, initial);
        (await events.UntilAsync<StepOpened>(_ => true)).Round.ShouldBe(2);
        release.SetResult();
        JobRecord record = await job;

        string[] once = ["train 1", "train 2", "train 3", "evaluate 4"];
        first.Done.ShouldBe(once);
        second.Done.ShouldBe(once);
        record.Results.Where(result => result.Round == 2).Select(result => (result.Site, result.Attempt)).ShouldBe([("a", 1), ("b", 1)]);
        (await File.ReadAllBytesAsync(record.LastModel!, Cancel)).AsSpan().SequenceEqual(undisturbed).ShouldBeTrue();
    }

    [Fact]
    public async Task A_server_that_ends_within_every_round_makes_the_same_model()
    {
        using MemorySource initial = Models.Gaussian();
        byte[] undisturbed = await UndisturbedAsync(initial);
        await using TestServer server = await TestServer.StartAsync();
        await using RunningAgent a = server.Agent("a", new AddingExecutor(0.001f, 3));
        await using RunningAgent b = server.Agent("b", new AddingExecutor(0.004f, 5));
        (Task<JobRecord> job, ChannelReader<JobEvent> events) = server.Run(Lossy, initial);
        for (int round = 1; round <= 3; round++)
        {
            await events.UntilAsync<StepOpened>(step => step.Round == round);
            await server.RestartAsync(job);
            (job, events) = server.Run(Lossy, initial);
        }

        JobRecord record = await job;
        record.Results.Count.ShouldBe(8);
        (await File.ReadAllBytesAsync(record.LastModel!, Cancel)).AsSpan().SequenceEqual(undisturbed).ShouldBeTrue();
    }

    [Fact]
    public async Task An_upload_that_the_servers_end_interrupts_goes_on_with_the_parts_that_had_arrived()
    {
        using var initial = new MemorySource(MemorySource.Gaussian("w", DType.F32, [5, Tile.ElementsMax], 1));
        long length = initial.Manifest.ByteLength;
        await using TestServer server = await TestServer.StartAsync();
        using var gate = new Gate();
        var executor = new AddingExecutor(1, 1) { Result = trained => gate.Hold(trained, tile: 4) };
        await using RunningAgent a = server.Agent("a", executor);
        Job job = Models.Job("cut", "a") with { Rounds = 1, Exchange = Exchange.Weights };
        (Task<JobRecord> running, ChannelReader<JobEvent> events) = server.Run(job, initial);
        await events.UntilAsync<SiteProgressed>(said => said.Progress is { Phase: TaskPhase.Uploading, Done: >= 16 << 20 });
        await server.RestartAsync(running);
        (running, events) = server.Run(job, initial);
        await events.UntilAsync<StepOpened>(_ => true);
        gate.Open();
        JobRecord record = await running;
        executor.Done.ShouldBe(["train 1", "evaluate 2"]);
        record.Results[0].Metrics[MetricNames.BytesUp].ShouldBeInRange(length, 1.5 * length);
        using SafetensorsFile last = SafetensorsFile.Open(record.LastModel!);
        last.ReadFloats("w").AsSpan().SequenceEqual([.. initial.ReadFloats("w").Select(value => value + 1)]).ShouldBeTrue();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_site_that_comes_back_without_its_held_model_fetches_the_base_and_the_model_is_the_same(bool sameFolder)
    {
        using MemorySource initial = Models.Gaussian();
        byte[] undisturbed = await UndisturbedAsync(initial, WithoutResiduals);
        await using TestServer server = await TestServer.StartAsync();
        var release = new TaskCompletionSource();
        var first = new AddingExecutor(0.001f, 3) { Before = (task, token) => task.Round == 1 ? release.Task.WaitAsync(token) : Task.CompletedTask };
        await using RunningAgent a = server.Agent("a", first);
        (Task<JobRecord> job, ChannelReader<JobEvent> events) = server.Run(WithoutResiduals, initial);
        await using (RunningAgent before = server.Agent("b", new AddingExecutor(0.004f, 5)))
        {
            await events.UntilAsync<ResultCounted>(result => result.Site == "b");
        }

        string folder = server.SiteFolder(sameFolder ? "b" : "b-elsewhere");
        if (sameFolder)
        {
            Directory.Delete(folder, recursive: true);
        }

        await using RunningAgent b = server.Agent("b", new AddingExecutor(0.004f, 5), folder);
        release.SetResult();
        JobRecord record = await job;
        (await File.ReadAllBytesAsync(record.LastModel!, Cancel)).AsSpan().SequenceEqual(undisturbed).ShouldBeTrue();
        double base0 = record.Steps[0].Length;
        double Down(int round, string site) => record.Results.Single(result => result.Round == round && result.Site == site).Metrics[MetricNames.BytesDown];
        Down(2, "b").ShouldBeGreaterThan(Down(2, "a") + base0 - 1);
        Down(3, "b").ShouldBe(Down(3, "a"));
    }

    [Fact]
    public async Task A_finished_job_run_again_answers_from_the_journal_without_asking_any_site()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        JobRecord record;
        await using (RunningAgent a = server.Agent("a", new AddingExecutor(1, 1)))
        {
            record = await server.Run(Models.Job("done", "a"), initial).Job;
        }

        JobRecord again = await server.Run(Models.Job("done", "a"), initial).Job;
        again.LastModel.ShouldBe(record.LastModel);
        again.Models.Select(model => model.Loss).ShouldBe(record.Models.Select(model => model.Loss));
    }

    private static async Task<byte[]> UndisturbedAsync(MemorySource initial, Job? job = null)
    {
        await using TestServer server = await TestServer.StartAsync();
        await using RunningAgent a = server.Agent("a", new AddingExecutor(0.001f, 3));
        await using RunningAgent b = server.Agent("b", new AddingExecutor(0.004f, 5));
        JobRecord record = await server.Run(job ?? Lossy, initial).Job;
        return await File.ReadAllBytesAsync(record.LastModel!, Cancel);
    }
}
