using System.Threading.Channels;
using Microsoft.Data.Sqlite;
using Tributary.Codecs;
using Tributary.Codecs.Messages;
using Tributary.Federation.Jobs;
using Tributary.Federation.Rounds;
using Tributary.Federation.Tasks;
using Tributary.Federation.Workflows;
using Tributary.Server.Jobs;
using Tributary.Server.Storage;
using Tributary.Server.Tests.Harness;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;
using Tributary.TestKit;

namespace Tributary.Server.Tests.Jobs;

/// <summary>
/// A model that is sent while it is still being merged. Without these a user waits for the merge before any site gets a byte; or, after a
/// crash or a fault in the middle, trains on a model that the journal does not know.
/// </summary>
public sealed class GrowingModelTests : IDisposable
{
    private const long PartBytes = 8 << 20;

    private readonly TempFolder _folder = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("fp16")]
    [InlineData("fp32")]
    public async Task Sites_have_the_first_of_the_next_message_before_the_last_of_the_merge(string precision)
    {
        // Its first part is of the first four tiles at most; the merge waits at the last.
        using var initial = new MemorySource(MemorySource.Gaussian("w", DType.F32, [5, Tile.ElementsMax], 1));
        Job job = Models.Job("growing", "a") with { Rounds = 1, Exchange = Exchange.Weights, Precision = new JobPrecision(precision, precision) };
        await using TestServer server = await TestServer.StartAsync();
        await using RunningAgent a = server.Agent("a", new AddingExecutor(1, 1));
        using var gate = new Gate();
        (Task<JobRecord> running, ChannelReader<JobEvent> events) = server.Run(job, new Averaging((_, mean) => gate.Hold(mean, tile: 4)), initial);
        await events.UntilAsync<SiteProgressed>(said => said is { Round: 2, Progress: { Phase: TaskPhase.Downloading, Done: >= PartBytes } });

        running.IsCompleted.ShouldBeFalse();
        Files(server.Folder, "models").ShouldBe(["round-00001.safetensors.partial"]);
        using (var journal = new Journal(server.JournalPath, TimeProvider.System))
        {
            journal.Models("growing").Count.ShouldBe(1, "a model that is not durable is not in the journal");
            journal.Steps("growing").Count.ShouldBe(1, "nor is a message of it");
        }

        gate.Open();
        JobRecord record = await running;
        using SafetensorsFile last = SafetensorsFile.Open(record.LastModel!);
        using var encoded = new QuantizedSource(last, Precision.Parse(precision));
        MessageFile.Plan(encoded).WriteFile(_folder["message"], Cancel);
        byte[] expected = await File.ReadAllBytesAsync(_folder["message"], Cancel);
        (await File.ReadAllBytesAsync(Directory.GetFiles(server.SiteFolder("a"), "*message*.safetensors").Single(), Cancel)).AsSpan().SequenceEqual(expected).ShouldBeTrue();
    }

    [Theory]
    [InlineData(Exchange.Delta, "nf4")]
    [InlineData(Exchange.Delta, "fp32")]
    [InlineData(Exchange.Weights, "fp16")]
    [InlineData(Exchange.Weights, "fp32")]
    public async Task A_server_killed_within_a_merge_or_right_behind_it_sends_the_same_messages_when_it_goes_on(Exchange exchange, string precision)
    {
        // The server goes on with other sites, which have no residuals; with them what they send would be something else.
        Job job = Models.Job("killed", "a", "b") with { Rounds = 2, Exchange = exchange, Precision = new JobPrecision(precision, precision), Feedback = 0 };
        (string[] Messages, byte[] Model) undisturbed = await GoOnAsync(job, _folder["undisturbed"]);

        await using (TestServer server = await TestServer.StartAsync())
        {
            await using RunningAgent a = server.Agent("a", new AddingExecutor(0.001f, 3));
            await using RunningAgent b = server.Agent("b", new AddingExecutor(0.004f, 5));
            using MemorySource initial = Models.Gaussian();
            using var gate = new Gate();
            void Report(JobEvent happened)
            {
                if (happened is ModelSaved { Round: 1 })
                {
                    // The model's row is written, and nothing is done that waits for it.
                    Copy(server.Folder, _folder["behind"]);
                }
            }

            Task<JobRecord> running = server.Server.RunJobAsync(job, new Averaging((round, mean) => round == 1 ? gate.Hold(mean, tile: 1) : mean), initial, Report, Cancel);
            await gate.Reached;
            Copy(server.Folder, _folder["within"]);
            gate.Open();
            (await DigestsAsync(running)).ShouldBe(undisturbed.Messages);
        }

        Files(_folder["within"], "models").Where(name => name.StartsWith("round", StringComparison.Ordinal)).ShouldBe(["round-00001.safetensors.partial"]);
        Files(_folder["behind"], "models").ShouldContain("round-00001.safetensors");
        Rows(_folder["within"]).ShouldBe((1, 1));
        Rows(_folder["behind"]).ShouldBe((2, 1));
        foreach (string killed in new[] { "within", "behind" })
        {
            (string[] Messages, byte[] Model) again = await GoOnAsync(job, _folder[killed]);
            again.Messages.ShouldBe(undisturbed.Messages, killed);
            again.Model.AsSpan().SequenceEqual(undisturbed.Model).ShouldBeTrue(killed);
        }
    }

    [Theory]
    [InlineData("fp16")]
    [InlineData("fp32")]
    public async Task A_merge_that_fails_halfway_ends_the_job_with_its_reason_and_leaves_nothing_and_can_be_made_again(string precision)
    {
        using MemorySource initial = Models.Float32();
        Job job = Models.Job("failing", "a") with { Rounds = 1, Exchange = Exchange.Weights, Precision = new JobPrecision(precision, precision) };
        await using TestServer server = await TestServer.StartAsync();
        await using RunningAgent a = server.Agent("a", new AddingExecutor(1, 1));
        static TensorSource Fail(TensorSource mean) => new DisturbedSource(mean, tile: 1, () => throw new TensorFormatException("tensor 'embed': element 1048576 is NaN"));
        (Task<JobRecord> running, _) = server.Run(job, new Averaging((_, mean) => Fail(mean)), initial);

        (await Should.ThrowAsync<JobFailedException>(running)).Message.ShouldBe("round 1 (merge): tensor 'embed': element 1048576 is NaN");
        Files(server.Folder, "models").ShouldBeEmpty();
        Files(server.Folder, "messages").ShouldNotContain(name => name.StartsWith("round-00002", StringComparison.Ordinal));
        using (var journal = new Journal(server.JournalPath, TimeProvider.System))
        {
            journal.Models("failing").Select(model => model.Round).ShouldBe([0]);
            journal.Steps("failing").Select(step => step.Round).ShouldBe([1]);
        }

        // What the site sent is still there.
        JobRecord record = await server.Run(job, new Averaging(), initial).Job;
        record.Results.Select(result => result.Round).ShouldBe([1, 2]);
        using SafetensorsFile last = SafetensorsFile.Open(record.LastModel!);
        last.ReadFloats("norm")[0].ShouldBe(initial.ReadFloats("norm")[0] + 1, 0.01f);
    }

    [Fact]
    public async Task A_merge_that_fails_while_no_site_asks_ends_the_job_all_the_same()
    {
        using MemorySource initial = Models.Float32();
        Job job = Models.Job("alone", "a") with { Rounds = 1, Exchange = Exchange.Weights };
        await using TestServer server = await TestServer.StartAsync();
        using var gate = new Gate();
        static TensorSource Fail(TensorSource mean) => new DisturbedSource(mean, tile: 1, () => throw new IOException("the disk is gone"));
        (Task<JobRecord> running, ChannelReader<JobEvent> events) = server.Run(job, new Averaging((_, mean) => gate.Hold(Fail(mean), tile: 1)), initial);
        await using (RunningAgent a = server.Agent("a", new AddingExecutor(1, 1)))
        {
            await gate.Reached;
        }

        await events.UntilAsync<StepOpened>(step => step.Round == 2);
        gate.Open();
        (await Should.ThrowAsync<JobFailedException>(running)).Message.ShouldBe("round 1 (merge): the disk is gone");
    }

    [Fact]
    public async Task A_job_that_ends_with_a_merge_ends_when_the_model_is_durable()
    {
        using MemorySource initial = Models.Float32();
        await using TestServer server = await TestServer.StartAsync();
        using var gate = new Gate();
        (Task<JobRecord> running, _) = server.Run(Models.Job("last", "a"), new SavingOnly(gate), initial);
        await gate.Reached;
        gate.Open();
        JobRecord record = await running;
        record.Models.Select(model => model.Round).ShouldBe([0, 1]);
        using SafetensorsFile last = SafetensorsFile.Open(record.LastModel!);
        last.ReadFloats("norm").ShouldBe(initial.ReadFloats("norm"));
    }

    [Fact]
    public async Task Every_tile_is_what_the_finished_file_gives_under_the_same_name_and_place()
    {
        using var source = new MemorySource(
            MemorySource.Gaussian("bf16", DType.BF16, [5], 1),
            (new TensorSpec("empty-b", DType.F32, new TensorShape([0, 4])), []),
            MemorySource.Gaussian("large", DType.F32, [3, Tile.ElementsMax / 2], 2),
            (new TensorSpec("empty-a", DType.F32, new TensorShape([0])), []),
            (new TensorSpec("positions", DType.I64, new TensorShape([2])), [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]));
        using var gate = new Gate();
        using var growing = new GrowingModel(gate.Hold(source, tile: 1), _folder["model"]);
        bool saved = false;
        growing.Begin(() => saved = true, static e => e, Cancel);
        await gate.Reached;

        // What is written can be read; the last tile is waited for.
        byte[] first = growing.ReadTile(new Tile(growing.Manifest.IndexOf("large"), 0));
        Task<byte[]> waiting = Task.Run(() => growing.ReadTile(new Tile(growing.Manifest.IndexOf("large"), 1)), Cancel);
        first.ShouldBe(source.ReadTile(new Tile(2, 0)));
        saved.ShouldBeFalse();
        gate.Open();
        (await waiting).ShouldBe(source.ReadTile(new Tile(2, 1)));
        await growing.Saved;
        saved.ShouldBeTrue();

        using SafetensorsFile finished = SafetensorsFile.Open(_folder["model"]);
        growing.Manifest.Select(entry => entry.Spec).ShouldBe(finished.Manifest.Select(entry => entry.Spec));
        foreach (Tile tile in finished.Manifest.Tiles())
        {
            growing.ReadTile(tile).ShouldBe(finished.ReadTile(tile));
        }
    }

    public void Dispose() => _folder.Dispose();

    private static string[] Files(string server, string folder) =>
        [.. Directory.GetFiles(Path.Combine(Directory.GetDirectories(Path.Combine(server, "jobs")).Single(), folder)).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    private static (int Models, int Steps) Rows(string server)
    {
        using var journal = new Journal(Path.Combine(server, "tributary.db"), TimeProvider.System);
        return (journal.Models("killed").Count, journal.Steps("killed").Count);
    }

    private static async Task<string[]> DigestsAsync(Task<JobRecord> running) => [.. (await running).Steps.Select(step => step.Digest)];

    /// <summary>Runs a job to its end on what lies in a server's folder, with sites that know nothing.</summary>
    private static async Task<(string[] Messages, byte[] Model)> GoOnAsync(Job job, string folder)
    {
        using MemorySource initial = Models.Gaussian();
        await using TestServer server = await TestServer.StartAsync(folder: folder);
        await using RunningAgent a = server.Agent("a", new AddingExecutor(0.001f, 3));
        await using RunningAgent b = server.Agent("b", new AddingExecutor(0.004f, 5));
        Task<JobRecord> running = server.Run(job, new Averaging(), initial).Job;
        return (await DigestsAsync(running), await File.ReadAllBytesAsync((await running).LastModel!, Cancel));
    }

    /// <summary>What a server that was killed now would leave.</summary>
    private static void Copy(string server, string to)
    {
        Directory.CreateDirectory(to);
        using (var journal = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = Path.Combine(server, "tributary.db"), Pooling = false }.ToString()))
        {
            journal.Open();
            using SqliteCommand command = journal.CreateCommand();
            command.CommandText = "VACUUM INTO $to";
            command.Parameters.AddWithValue("$to", Path.Combine(to, "tributary.db"));
            command.ExecuteNonQuery();
        }

        string jobs = Path.Combine(server, "jobs");
        foreach (string path in Directory.GetFiles(jobs, "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(to, Path.GetRelativePath(server, path));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            try
            {
                File.Copy(path, copy);
            }
            catch (FileNotFoundException)
            {
                // It has got its name since. The journal was copied before, so no row of the copy speaks of it.
            }
        }
    }

    /// <summary>Saves a model that a gate holds up, and asks no site for anything.</summary>
    private sealed class SavingOnly(Gate gate) : Controller
    {
        public override Task RunAsync(ControllerContext context, CancellationToken cancellationToken) =>
            context.SaveAsync(1, () => gate.Hold(context.Latest.Weights, tile: 1), cancellationToken);
    }
}
