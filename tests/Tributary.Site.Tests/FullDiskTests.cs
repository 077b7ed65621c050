using Tributary.Federation.Jobs;
using Tributary.Federation.Tasks;
using Tributary.Federation.Workflows;
using Tributary.Server;
using Tributary.Site.Tests.Harness;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Site.Tests;

/// <summary>
/// A site's disk fills up. Whoever runs the job must read whose disk it is and how much is missing, and the site has to be there for the
/// next task.
/// </summary>
public sealed class FullDiskTests : IDisposable
{
    private const long MiB = 1 << 20;

    private readonly SmallDisk? _disk = SmallDisk.TryMount(20 * MiB);

    private SmallDisk Disk
    {
        get
        {
            Assert.SkipWhen(_disk is null, "mounting a small disk is not allowed here");
            return _disk;
        }
    }

    private string Folder => Disk["site"];

    [Theory]
    [InlineData(Exchange.Weights)]
    [InlineData(Exchange.Delta)]
    public async Task A_message_that_there_is_no_room_for_is_told_with_the_bytes_and_the_next_job_is_done(Exchange exchange)
    {
        await using TestServer server = await TestServer.StartAsync(initial: Model());
        await using RunningAgent agent = Agent(server, ScriptedExecutor.Obedient());
        Disk.Fill(leftBytes: MiB);
        await RequireFailureAsync(server, Job(exchange), "train", 1, $"{Folder}: the disk is full: message-");
        Partials().ShouldBeEmpty();
        Disk.MakeRoom();
        await server.Run(Job(exchange) with { Name = "next" }).Job;
        agent.Ended.IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task A_result_that_there_is_no_room_for_is_told_with_the_bytes_and_the_next_job_is_done()
    {
        await using TestServer server = await TestServer.StartAsync(initial: Model());
        bool full = false;
        var executor = new ScriptedExecutor((task, _, _) =>
        {
            if (!full)
            {
                full = true;
                Disk.Fill(leftBytes: MiB);
            }

            return Task.FromResult(ScriptedExecutor.Same(task));
        });
        await using RunningAgent agent = Agent(server, executor);
        await RequireFailureAsync(server, Job(Exchange.Delta), "train", 1, $"{Folder}: the disk is full: result.safetensors needs 4194");
        Partials().ShouldBeEmpty();
        Disk.MakeRoom();
        await server.Run(Job(Exchange.Delta) with { Name = "next" }).Job;
        agent.Ended.IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task A_changed_model_that_there_is_no_room_for_is_told_with_the_bytes_and_the_one_before_is_still_held()
    {
        await using TestServer server = await TestServer.StartAsync(initial: Model(2 << 20));
        var held = new List<string>();
        var executor = new ScriptedExecutor((task, _, _) =>
        {
            if (task.Round == 1)
            {
                // Room for the next message, which is a quarter of the model, and not for what it makes.
                held.AddRange(Directory.GetFiles(Path.Combine(Folder, "held")));
                Disk.Fill(leftBytes: 6 * MiB);
            }

            return Task.FromResult(ScriptedExecutor.Same(task));
        });
        await using RunningAgent agent = Agent(server, executor);
        Job job = Job(Exchange.Delta) with { Rounds = 2, Precision = new JobPrecision("int8", "int8"), Feedback = 0 };
        JobFailedException failed = await Should.ThrowAsync<JobFailedException>(server.Run(job).Job);
        failed.Message.ShouldStartWith($"round 2 (train): site 'a' failed: {Path.Combine(Folder, "held")}: the disk is full: sha256-");
        failed.Message.ShouldContain("needs 8388");
        Directory.GetFiles(Path.Combine(Folder, "held")).ShouldBe(held);
        Partials().ShouldBeEmpty();
        Disk.MakeRoom();
        await server.Run(job).Job;
    }

    [Fact]
    public async Task A_residual_that_there_is_no_room_for_is_told_with_the_bytes_and_nothing_half_is_left()
    {
        await using TestServer server = await TestServer.StartAsync(initial: Model(1 << 20));
        var executor = new ScriptedExecutor((task, _, _) =>
        {
            // Room for the result, which is a quarter of the model, and not for what it lacks.
            Disk.Fill(leftBytes: 3 * MiB);
            return Task.FromResult(ScriptedExecutor.Same(task));
        });
        await using RunningAgent agent = Agent(server, executor);
        Job job = Job(Exchange.Delta) with { Rounds = 1, Precision = new JobPrecision("int8", "int8") };
        JobFailedException failed = await Should.ThrowAsync<JobFailedException>(server.Run(job).Job);
        failed.Message.ShouldStartWith($"round 1 (train): site 'a' failed: {Path.Combine(Folder, "residuals", job.Name)}: the disk is full: ");
        failed.Message.ShouldContain("needs 4194");
        Directory.GetFiles(Path.Combine(Folder, "residuals"), "*", SearchOption.AllDirectories).ShouldBeEmpty();
        Partials().ShouldBeEmpty();
    }

    public void Dispose() => _disk?.Dispose();

    private static MemorySource Model(int elements = 1 << 20) => new(MemorySource.Gaussian("w", DType.F32, [elements], 1));

    private static Job Job(Exchange exchange) => TestServer.Job("a") with { Exchange = exchange };

    private static async Task RequireFailureAsync(TestServer server, Job job, string task, int round, string reason)
    {
        JobFailedException failed = await Should.ThrowAsync<JobFailedException>(server.Run(job).Job);
        failed.Message.ShouldStartWith($"round {round} ({task}): site 'a' failed: ");
        failed.Message.ShouldContain(reason);
    }

    private RunningAgent Agent(TestServer server, Executor executor) => new(server.Server.Address, executor, folder: Folder);

    /// <summary>What is neither a whole file nor its record.</summary>
    /// <summary>What would be in the way, or take room for nothing: half files, and records of parts without the complete file beside which they belong.</summary>
    private string[] Partials() =>
    [
        .. Directory.GetFiles(Folder, "*.parti*", SearchOption.AllDirectories),
        .. Directory.GetFiles(Folder, "*.parts", SearchOption.AllDirectories).Where(record => !File.Exists(record[..^".parts".Length])),
    ];
}
