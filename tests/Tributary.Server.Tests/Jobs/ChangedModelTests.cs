using System.Net;
using System.Net.Http.Json;
using Tributary.Federation.Jobs;
using Tributary.Federation.Wire;
using Tributary.Federation.Workflows;
using Tributary.Server.Tests.Harness;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;
using Tributary.TestKit;

namespace Tributary.Server.Tests.Jobs;

/// <summary>Somebody writes to a model while it is served. Sites must not train on half the one and half the other.</summary>
public sealed class ChangedModelTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string ModelPath => _folder["model.safetensors"];

    [Theory]
    [InlineData(Exchange.Weights)]
    [InlineData(Exchange.Delta)]
    public async Task A_model_that_changes_while_it_is_served_ends_the_job_with_its_name_and_the_site_is_told_without_the_folder(Exchange exchange)
    {
        Write(seed: 1);
        using SafetensorsFile initial = SafetensorsFile.Open(ModelPath);
        await using TestServer server = await TestServer.StartAsync();
        Task<JobRecord> running = await server.OpenAsync(Models.Job("demo", "a") with { Exchange = exchange }, initial);
        using ManualSite a = server.Site("a");
        using HttpResponseMessage polled = await a.PollAsync("wait=30");
        TaskDocument task = (await polled.Content.ReadFromJsonAsync(WireJson.Default.TaskDocument, Cancel))!;
        Touch();
        using HttpResponseMessage response = await a.Http.GetAsync(task.Message.Path, Cancel);
        string body = await response.Content.ReadAsStringAsync(Cancel);
        response.StatusCode.ShouldBe(HttpStatusCode.InternalServerError, body);
        response.Content.Headers.ContentType?.MediaType.ShouldBe("application/problem+json");
        body.ShouldContain("urn:tributary:object-changed");
        body.ShouldContain("model.safetensors: was written at");
        body.ShouldNotContain(_folder.Path);
        await RequireReasonAsync(running);
    }

    [Fact]
    public async Task A_model_that_changes_after_its_digest_was_told_breaks_the_response_off_and_ends_the_job_with_its_name()
    {
        Write(seed: 1);
        using SafetensorsFile initial = SafetensorsFile.Open(ModelPath);
        await using TestServer server = await TestServer.StartAsync();
        Task<JobRecord> running = await server.OpenAsync(Models.Job("demo", "a"), initial);
        using ManualSite a = server.Site("a");
        TaskDocument task = await a.TakeAsync();
        Touch();
        await Should.ThrowAsync<HttpRequestException>(a.Http.GetByteArrayAsync(task.Message.Path, Cancel));
        await RequireReasonAsync(running);
    }

    [Fact]
    public async Task A_model_that_changes_while_it_is_encoded_ends_the_job_with_its_name_and_leaves_no_message()
    {
        Write(seed: 1);
        using SafetensorsFile model = SafetensorsFile.Open(ModelPath);
        await using TestServer server = await TestServer.StartAsync();
        using var gate = new Gate();
        using TensorSource initial = gate.Hold(model, tile: 1);
        Task<JobRecord> running = await server.OpenAsync(Models.Job("demo", "a") with { Precision = new JobPrecision("int8", "int8") }, initial);
        Touch();
        gate.Open();
        (await Should.ThrowAsync<JobFailedException>(running)).Message.ShouldStartWith($"round 1 (train): {ModelPath}: was written at ");
        Directory.GetFiles(Path.Combine(server.Folder, "jobs", "demo", "messages")).ShouldBeEmpty();
    }

    [Fact]
    public async Task What_a_site_had_of_a_model_that_changed_is_not_taken_for_the_new_one()
    {
        Write(seed: 1);
        await using TestServer server = await TestServer.StartAsync();
        var executor = new AddingExecutor(0, 1);
        await using RunningAgent a = server.Agent("a", executor);
        using (SafetensorsFile first = SafetensorsFile.Open(ModelPath))
        using (var touching = new TouchingSource(first, Touch))
        {
            Job job = Models.Job("first", "a") with { Exchange = Exchange.Weights, Rounds = 1 };
            JobFailedException failed = await Should.ThrowAsync<JobFailedException>(server.Run(job, touching).Job);
            failed.Message.ShouldStartWith($"round 1 (train): the server cannot go on: {ModelPath}: was written at ");
        }

        Write(seed: 2);
        using SafetensorsFile second = SafetensorsFile.Open(ModelPath);
        JobRecord record = await server.Run(Models.Job("second", "a") with { Exchange = Exchange.Weights, Rounds = 1 }, second).Job;
        using SafetensorsFile last = SafetensorsFile.Open(record.LastModel!);
        last.ReadFloats("w").ShouldBe(second.ReadFloats("w"));
        executor.Done.ShouldBe(["train 1", "evaluate 2"]);
    }

    public void Dispose() => _folder.Dispose();

    private async Task RequireReasonAsync(Task<JobRecord> running)
    {
        JobFailedException failed = await Should.ThrowAsync<JobFailedException>(running);
        failed.Message.ShouldStartWith($"round 1 (train): the server cannot go on: {ModelPath}: was written at ");
        failed.Message.ShouldEndWith("while it was being read; leave it alone and begin again");
    }

    private void Write(int seed)
    {
        // Several parts, so that a site has some before the change.
        using var model = new MemorySource(MemorySource.Gaussian("w", DType.F32, [3 << 20], seed));
        new SafetensorsWriter(model).WriteFile(ModelPath, Cancel);
    }

    /// <summary>As another program does that writes to the file in place.</summary>
    private void Touch()
    {
        using FileStream file = File.Open(ModelPath, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        file.Position = file.Length - 4;
        file.Write([1, 2, 3, 4]);
        file.Flush();
        File.SetLastWriteTimeUtc(ModelPath, new DateTime(2030, 1, 1, 0, 0, 0, DateTimeKind.Utc));
    }

    /// <summary>Tensors of a file that is written to when the last tile is first asked for.</summary>
    private sealed class TouchingSource(TensorSource source, Action touch) : TensorSource
    {
        private int _touched;

        public override TensorManifest Manifest => source.Manifest;

        public override bool IsStored => true;

        public override void Read(Tile address, int offset, Span<byte> destination)
        {
            if (address.Index == 2 && Interlocked.Exchange(ref _touched, 1) == 0)
            {
                touch();
            }

            source.Read(address, offset, destination);
        }
    }
}
