using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Tributary.Federation.Jobs;
using Tributary.Federation.Tasks;
using Tributary.Federation.Wire;
using Tributary.Federation.Workflows;
using Tributary.Server.Tests.Harness;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Server.Tests.Storage;

/// <summary>
/// The server's disk fills up. Its operator must read one line with folder and bytes, no site may wait for ever, and the job has to go on
/// when there is room.
/// </summary>
public sealed class FullDiskTests : IDisposable
{
    private const string Upload = "v1/jobs/demo/rounds/1/steps/0/uploads/1";

    // Some models of 4 MiB.
    private const long DiskBytes = 40 << 20;

    private readonly SmallDisk? _disk = SmallDisk.TryMount(DiskBytes);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private SmallDisk Disk
    {
        get
        {
            Assert.SkipWhen(_disk is null, "mounting a small disk is not allowed here");
            return _disk;
        }
    }

    private string Server => Disk["server"];

    [Fact]
    public async Task An_upload_that_there_is_no_room_for_is_answered_507_with_the_bytes_and_ends_the_job_with_the_folder()
    {
        const long Length = 8 << 20;
        using MemorySource initial = Model();
        await using TestServer server = await TestServer.StartAsync(folder: Server);
        Task<JobRecord> running = await server.OpenAsync(Models.Job("demo", "a"), initial);
        using ManualSite a = server.Site("a");
        await a.TakeAsync();
        Disk.Fill(leftBytes: 1 << 20);
        using HttpResponseMessage response = await a.Http.PostAsJsonAsync(Upload, new UploadDocument(Length, 8 << 20), WireJson.Default.UploadDocument, Cancel);
        await RequireDiskFullAsync(response, $"{Length} bytes are needed, ");
        string spool = Path.Combine(Server, "jobs", "demo", "spool");
        (await Should.ThrowAsync<JobFailedException>(running)).Message
            .ShouldStartWith($"round 1 (train): the server cannot go on: {spool}: the disk is full: round-00001-0-a.safetensors needs {Length} bytes, ");
        Directory.GetFiles(spool).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_message_that_there_is_no_room_for_ends_the_job_and_the_job_goes_on_when_there_is()
    {
        using MemorySource initial = Model();
        await using TestServer server = await TestServer.StartAsync(folder: Server);
        Job job = Models.Job("demo", "a") with { Precision = new JobPrecision("fp16", "nf4"), Rounds = 1 };
        Disk.Fill(leftBytes: 1 << 20);
        string messages = Path.Combine(Server, "jobs", "demo", "messages");
        (await Should.ThrowAsync<JobFailedException>(server.Run(job, initial).Job)).Message
            .ShouldStartWith($"round 1 (train): {messages}: the disk is full: round-00001-0.safetensors needs ");
        Directory.GetFiles(messages).ShouldBeEmpty();
        Disk.MakeRoom();
        await using RunningAgent a = server.Agent("a", new AddingExecutor(1, 1));
        (await server.Run(job, initial).Job).Models.Count.ShouldBe(2);
    }

    [Fact]
    public async Task A_merged_model_that_there_is_no_room_for_ends_the_job_and_its_results_count_when_there_is()
    {
        using MemorySource initial = Model();
        await using TestServer server = await TestServer.StartAsync(folder: Server);
        Job job = Models.Job("demo", "a") with { Rounds = 1, Exchange = Exchange.Weights };
        (Task<JobRecord> running, _) = server.Run(job, initial);
        using ManualSite a = server.Site("a");
        TaskDocument task = await a.TakeAsync();
        string digest = await a.UploadAsync(task, task.Attempt, initial);
        Disk.Fill(leftBytes: 1 << 20);
        await CountAsync(a, task, digest);
        string models = Path.Combine(Server, "jobs", "demo", "models");
        (await Should.ThrowAsync<JobFailedException>(running)).Message
            .ShouldStartWith($"round 1 (merge): {models}: the disk is full: round-00001.safetensors needs ");
        Directory.GetFiles(models).ShouldBeEmpty();
        Disk.MakeRoom();
        (running, _) = server.Run(job, initial);
        await a.EvaluateAsync();
        (await running).Results.Select(result => result.Round).ShouldBe([1, 2]);
    }

    [Fact]
    public async Task A_journal_that_there_is_no_room_for_ends_the_job_with_its_name_and_no_site_is_kept_waiting()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync(folder: Server);
        Task<JobRecord> running = await server.OpenAsync(Models.Job("demo", "a"), initial);
        using ManualSite a = server.Site("a");
        TaskDocument task = await a.TakeAsync();
        Disk.Fill();
        HttpResponseMessage response = await a.PollAsync();
        for (int polls = 1; response.StatusCode == HttpStatusCode.OK; polls++)
        {
            // The journal has a little room of its own left.
            polls.ShouldBeLessThan(500);
            response.Dispose();
            response = await a.PollAsync();
        }

        await RequireDiskFullAsync(response, "0 are free");
        response.Dispose();
        (await Should.ThrowAsync<JobFailedException>(running)).Message.ShouldStartWith($"round 1 (train): the server cannot go on: {Server}: the disk is full: tributary.db cannot grow, 0 are free");
        using HttpResponseMessage late = await a.PostAsync(task, new ResultDocument(task.Attempt, 1, new Dictionary<string, double>(), null, null));
        late.StatusCode.ShouldBe(HttpStatusCode.Gone);
        Disk.MakeRoom();
        Task<JobRecord> again = await server.OpenAsync(Models.Job("demo", "a"), initial);
        await using RunningAgent agent = server.Agent("a", new AddingExecutor(1, 1));
        (await again).Models.Count.ShouldBe(4);
    }

    [Fact]
    public async Task A_server_that_has_no_room_for_a_journal_does_not_start_and_says_why()
    {
        Disk.Fill();
        (await Should.ThrowAsync<IOException>(TestServer.StartAsync(folder: Server))).Message.ShouldContain($"{Server}: the disk is full: tributary.db cannot grow, 0 are free");
        Disk.MakeRoom();
        await using TestServer server = await TestServer.StartAsync(folder: Server);
    }

    public void Dispose() => _disk?.Dispose();

    /// <summary>4 MiB.</summary>
    private static MemorySource Model() => new(MemorySource.Gaussian("w", DType.F32, [1 << 20], 1));

    private static async Task CountAsync(ManualSite site, TaskDocument task, string digest)
    {
        var metrics = new Dictionary<string, double> { [MetricNames.ReceivedLoss] = 1, [MetricNames.HeldOutTokens] = 10 };
        var meaning = new Federation.Messages.MessageMeaning(Federation.Messages.MessageKind.Weights, null, "fp32");
        using HttpResponseMessage response = await site.PostAsync(task, new ResultDocument(task.Attempt, 1, metrics, digest, meaning));
        response.StatusCode.ShouldBe(HttpStatusCode.NoContent);
    }

    private async Task RequireDiskFullAsync(HttpResponseMessage response, string says)
    {
        string body = await response.Content.ReadAsStringAsync(Cancel);
        response.StatusCode.ShouldBe(HttpStatusCode.InsufficientStorage, body);
        response.Content.Headers.ContentType?.MediaType.ShouldBe("application/problem+json");
        JsonElement problem = JsonSerializer.Deserialize<JsonElement>(body);
        problem.GetProperty("type").GetString().ShouldBe("urn:tributary:disk-full");
        problem.GetProperty("detail").GetString()!.ShouldContain(says);
        body.ShouldNotContain(Disk.Path);
    }
}
