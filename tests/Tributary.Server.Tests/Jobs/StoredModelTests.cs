using System.Threading.Channels;
using Tributary.Federation.Jobs;
using Tributary.Federation.Rounds;
using Tributary.Server.Tests.Harness;
using Tributary.Tensors.Checkpoints;
using Tributary.TestKit;

namespace Tributary.Server.Tests.Jobs;

/// <summary>
/// A model that no filter changes is sent from where it lies. A user would lose the disk and the time of a copy of it each round; and all, if
/// what came of it were another model.
/// </summary>
public sealed class StoredModelTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Exchange.Weights)]
    [InlineData(Exchange.Delta)]
    public async Task The_job_makes_the_same_model_as_with_messages_that_are_written(Exchange exchange)
    {
        Job job = Models.Job("stored", "a", "b") with { Exchange = exchange };
        byte[] written = await RunAsync(job, stored: false);
        (await RunAsync(job, stored: true)).AsSpan().SequenceEqual(written).ShouldBeTrue();
    }

    [Fact]
    public async Task Nothing_is_written_for_it_and_a_server_that_is_started_again_goes_on()
    {
        using Checkpoint initial = Save();
        await using TestServer server = await TestServer.StartAsync();
        Job job = Models.Job("stored", "a", "b") with { Exchange = Exchange.Weights, Rounds = 1 };
        (Task running, ChannelReader<JobEvent> events) = server.Run(job, initial);
        await using (RunningAgent a = server.Agent("a", new AddingExecutor(0.001f, 3)))
        {
            await events.UntilAsync<ResultCounted>(result => result.Site == "a");
        }

        Directory.GetFiles(Path.Combine(server.Folder, "jobs", "stored", "messages")).ShouldBeEmpty();
        await server.RestartAsync(running);
        await using RunningAgent again = server.Agent("a", new AddingExecutor(0.001f, 3));
        await using RunningAgent b = server.Agent("b", new AddingExecutor(0.003f, 3));
        JobRecord record = await server.Run(job, initial).Job;
        record.Results.Count(result => result.Round == 1).ShouldBe(2);
        record.Steps[0].EncodeSeconds.ShouldBe(0);
    }

    [Fact]
    public async Task A_model_that_is_written_to_meanwhile_ends_the_job_with_its_name()
    {
        using Checkpoint initial = Save();
        await using TestServer server = await TestServer.StartAsync();
        (Task job, ChannelReader<JobEvent> events) = server.Run(Models.Job("stored", "a") with { Exchange = Exchange.Weights }, initial);
        await events.UntilAsync<StepOpened>(_ => true);
        string file = Path.Combine(_folder["model"], Checkpoint.FileName);
        File.SetLastWriteTimeUtc(file, File.GetLastWriteTimeUtc(file).AddSeconds(1));
        await using RunningAgent a = server.Agent("a", new AddingExecutor(0.001f, 3));
        (await Should.ThrowAsync<Exception>(job)).Message.ShouldContain("model.safetensors: was written at");
        Directory.GetFiles(server.SiteFolder("a")).ShouldNotContain(path => path.EndsWith("message.safetensors", StringComparison.Ordinal));
    }

    public void Dispose() => _folder.Dispose();

    private async Task<byte[]> RunAsync(Job job, bool stored)
    {
        using MemorySource memory = Models.Float32();
        using Checkpoint file = Save();
        await using TestServer server = await TestServer.StartAsync();
        await using RunningAgent a = server.Agent("a", new AddingExecutor(0.001f, 3));
        await using RunningAgent b = server.Agent("b", new AddingExecutor(0.003f, 1));
        JobRecord record = await server.Run(job, stored ? file : memory).Job;
        return await File.ReadAllBytesAsync(record.LastModel!, Cancel);
    }

    private Checkpoint Save()
    {
        using MemorySource model = Models.Float32();
        CheckpointWriter.Write(model, _folder["model"], cancellationToken: Cancel);
        return Checkpoint.Open(_folder["model"]);
    }
}
