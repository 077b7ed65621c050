using System.Net;
using System.Net.Http.Json;
using System.Text;
using Tributary.Client;
using Tributary.Federation.Jobs;
using Tributary.Federation.Wire;
using Tributary.Provisioning;
using Tributary.Server.Tests.Harness;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;
using Tributary.TestKit;

namespace Tributary.Server.Tests.Queue;

/// <summary>Jobs as administrators submit them: signed, over mutual TLS, to a server with a kit.</summary>
public sealed class SubmittedJobTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_job_that_was_submitted_runs_and_its_models_can_be_fetched()
    {
        using MemorySource initial = Models.Eighths();
        using var folder = new TempFolder();
        await using SecureServer server = await SecureServer.StartAsync();
        await using RunningAgent a = server.Agent("a", new AddingExecutor(1, 1));
        await using RunningAgent b = server.Agent("b", new AddingExecutor(3, 1));
        JobDocument ended = await server.RunAsync(Models.Job("demo", "a", "b"), initial);

        ended.Line.State.ShouldBe(JobState.Finished, ended.Line.Reason);
        (ended.Line.Submitter, ended.Run, ended.Line.Round, ended.Model.Parameters).ShouldBe(("admin/alice", 1, 3, initial.Manifest.ElementCount));
        ended.Models.Select(model => model.Round).ShouldBe([0, 1, 2, 3]);
        ended.Models.ShouldAllBe(model => model.Loss != null && model.SiteLosses.Count == 2);
        ended.Traffic.BytesUp.ShouldBeGreaterThan(0);
        JobClient admin = server.Admin("viewer/bob");
        await admin.DownloadModelAsync("demo", best: false, folder["last.safetensors"], progress: null, Cancel);
        using var last = SafetensorsFile.Open(folder["last.safetensors"]);
        last.ReadFloats("w")[0].ShouldBe(initial.ReadFloats("w")[0] + 6);

        IReadOnlyList<EventDocument> events = await admin.EventsAsync("demo", 0, TimeSpan.Zero, Cancel);
        events.Select(happened => happened.Number).ShouldBe(Enumerable.Range(1, events.Count).Select(number => (long)number));
        events.Select(happened => happened.Kind).ShouldBeSubsetOf(["submitted", "started", "step-opened", "result", "loss", "model-saved", "finished"]);
        (events[0].Kind, events[^1].Kind).ShouldBe(("submitted", "finished"));
    }

    [Fact]
    public async Task Submitting_the_same_job_again_changes_nothing_and_another_one_of_its_name_is_refused()
    {
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync();
        JobClient admin = server.Admin();
        JobDocument first = await admin.SubmitAsync(Models.Job("demo", "a"), "model", initial, progress: null, Cancel);
        JobDocument again = await admin.SubmitAsync(Models.Job("demo", "a"), "model", initial, progress: null, Cancel);
        again.Digest.ShouldBe(first.Digest);
        HttpRequestException refused = await Should.ThrowAsync<HttpRequestException>(admin.SubmitAsync(Models.Job("demo", "b"), "model", initial, progress: null, Cancel));
        refused.StatusCode.ShouldBe(HttpStatusCode.Conflict);
        refused.Message.ShouldContain("A job named 'demo' is there already");
        (await admin.ListAsync(Cancel)).Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_job_waits_for_its_sites_and_says_for_which()
    {
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync();
        await using RunningAgent a = server.Agent("a", new AddingExecutor(1, 1));
        await server.Admin().SubmitAsync(Models.Job("demo", "a", "b"), "model", initial, progress: null, Cancel);
        JobDocument waiting = await server.UntilAsync("demo", now => now.Line.Reason == "not connected: b");
        waiting.Line.State.ShouldBe(JobState.Queued);
        await using RunningAgent b = server.Agent("b", new AddingExecutor(1, 1));
        (await server.EndOfAsync("demo")).Line.State.ShouldBe(JobState.Finished);
    }

    [Fact]
    public async Task Jobs_beyond_the_limit_wait_for_their_turn_in_the_order_in_which_they_came()
    {
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync();
        await server.RestartAsync(options => options with { JobsMax = 1 });
        var gate = new TaskCompletionSource();
        await using RunningAgent a = server.Agent("a", new AddingExecutor(1, 1) { Before = (_, token) => gate.Task.WaitAsync(token) });
        JobClient admin = server.Admin();
        foreach (string name in new[] { "first", "second" })
        {
            await admin.SubmitAsync(Models.Job(name, "a"), "model", initial, progress: null, Cancel);
        }

        JobDocument second = await server.UntilAsync("second", now => now.Line.Reason is not null);
        (second.Line.State, second.Line.Reason).ShouldBe((JobState.Queued, "1 jobs run, as many as this server runs at once"));
        gate.SetResult();
        JobDocument first = await server.EndOfAsync("first");
        second = await server.EndOfAsync("second");
        second.Started!.Value.ShouldBeGreaterThanOrEqualTo(first.Ended!.Value);
    }

    [Fact]
    public async Task A_job_that_somebody_ended_stays_so_until_it_is_resumed_and_then_comes_to_the_same_model()
    {
        using MemorySource initial = Models.Eighths();
        using var folder = new TempFolder();
        await using SecureServer server = await SecureServer.StartAsync();
        var reached = new TaskCompletionSource();
        var gate = new TaskCompletionSource();
        await using RunningAgent a = server.Agent("a", new AddingExecutor(1, 1)
        {
            Before = async (task, token) =>
            {
                if (task.Round == 2)
                {
                    reached.TrySetResult();
                    await gate.Task.WaitAsync(token);
                }
            },
        });
        JobClient admin = server.Admin();
        await admin.SubmitAsync(Models.Job("demo", "a"), "model", initial, progress: null, Cancel);
        await reached.Task.WaitAsync(Cancel);
        JobDocument ended = await admin.AbortAsync("demo", Cancel);
        (ended.Line.State, ended.Line.Reason).ShouldBe((JobState.Aborted, "ended by admin/alice"));
        (await Should.ThrowAsync<HttpRequestException>(admin.AbortAsync("demo", Cancel))).Message.ShouldContain("it has ended already");
        await server.RestartAsync();
        (await admin.GetAsync("demo", Cancel)).Line.State.ShouldBe(JobState.Aborted);

        gate.SetResult();
        (await admin.ResumeAsync("demo", Cancel)).Run.ShouldBe(2);
        (await server.EndOfAsync("demo")).Line.State.ShouldBe(JobState.Finished);
        (await Should.ThrowAsync<HttpRequestException>(admin.ResumeAsync("demo", Cancel))).Message.ShouldContain("only a job that failed or was ended can be resumed");
        await admin.DownloadModelAsync("demo", best: false, folder["last.safetensors"], progress: null, Cancel);
        using var last = SafetensorsFile.Open(folder["last.safetensors"]);
        last.ReadFloats("w")[0].ShouldBe(initial.ReadFloats("w")[0] + 3);
    }

    [Fact]
    public async Task A_job_goes_on_by_itself_when_the_server_is_started_again()
    {
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync();
        var reached = new TaskCompletionSource();
        var gate = new TaskCompletionSource();
        await using RunningAgent a = server.Agent("a", new AddingExecutor(1, 1)
        {
            Before = async (task, token) =>
            {
                if (task.Round == 2)
                {
                    reached.TrySetResult();
                    await gate.Task.WaitAsync(token);
                }
            },
        });
        await server.Admin().SubmitAsync(Models.Job("demo", "a"), "model", initial, progress: null, Cancel);
        await reached.Task.WaitAsync(Cancel);
        await server.RestartAsync();
        gate.SetResult();
        JobDocument ended = await server.EndOfAsync("demo");
        (ended.Line.State, ended.Run).ShouldBe((JobState.Finished, 1));
    }

    [Fact]
    public async Task A_job_that_fails_says_why()
    {
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync();
        await using RunningAgent a = server.Agent("a", new AddingExecutor(1, 1) { Before = (_, _) => throw new Federation.Tasks.TaskFailedException("no data here") });
        JobDocument ended = await server.RunAsync(Models.Job("demo", "a"), initial);
        ended.Line.State.ShouldBe(JobState.Failed);
        ended.Line.Reason!.ShouldContain("site 'a' failed: no data here");
    }

    [Fact]
    public async Task A_job_that_has_ended_can_be_removed_with_all_its_files_and_a_clone_keeps_its_model()
    {
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync();
        JobClient admin = server.Admin();
        JobDocument first = await admin.SubmitAsync(Models.Job("first", "a"), "model", initial, progress: null, Cancel);
        (await Should.ThrowAsync<HttpRequestException>(admin.DeleteAsync("first", Cancel))).Message.ShouldContain("has not ended");
        JobDocument clone = await admin.SubmitAsync(Models.Job("clone", "a"), first.Model, Cancel);
        clone.Line.State.ShouldBe(JobState.Queued);
        await admin.AbortAsync("first", Cancel);
        await admin.DeleteAsync("first", Cancel);
        (await Should.ThrowAsync<HttpRequestException>(admin.GetAsync("first", Cancel))).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        await using RunningAgent a = server.Agent("a", new AddingExecutor(1, 1));
        (await server.EndOfAsync("clone")).Line.State.ShouldBe(JobState.Finished);
        await admin.DeleteAsync("clone", Cancel);
        string folder = server.Server.Options.Folder;
        Directory.GetFileSystemEntries(Path.Combine(folder, "jobs")).ShouldBeEmpty();
        Directory.GetFileSystemEntries(Path.Combine(folder, "initial")).ShouldBeEmpty();
    }

    [Fact]
    public async Task What_is_uploaded_in_place_of_the_model_that_was_signed_is_not_kept()
    {
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync();
        JobClient admin = server.Admin();
        using HttpClient http = server.Client("admin/alice");
        string claimed = $"sha256:{new string('a', 64)}";
        JobDocument waiting = await admin.SubmitAsync(Models.Job("demo", "a"), new InitialModel(claimed, 4, "model", 1), Cancel);
        waiting.Line.State.ShouldBe(JobState.AwaitingModel);
        var address = new Uri(server.Address, JobRoutes.Initial(claimed));
        (await http.PostAsJsonAsync(address, new UploadDocument(4, Transport.PartLayout.PartBytesDefault), WireJson.Default.UploadDocument, Cancel)).EnsureSuccessStatusCode();
        var objects = new Transport.ObjectClient(http, new Transport.TransferOptions(), TimeProvider.System, new Random(1));
        using var folder = new TempFolder();
        await File.WriteAllTextAsync(folder["other"], "evil", Cancel);
        using var other = Transport.ByteSource.FromFile(folder["other"]);
        (await Should.ThrowAsync<Transport.TransferException>(objects.UploadAsync(address, other, progress: null, Cancel))).Message.ShouldContain("It was not kept");
        (await admin.GetAsync("demo", Cancel)).Line.State.ShouldBe(JobState.AwaitingModel);
        Directory.GetFiles(Path.Combine(server.Server.Options.Folder, "initial")).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_model_that_no_job_waits_for_is_not_taken()
    {
        await using SecureServer server = await SecureServer.StartAsync();
        using HttpClient http = server.Client("admin/alice");
        using HttpResponseMessage refused = await http.PostAsJsonAsync(
            JobRoutes.Initial($"sha256:{new string('a', 64)}"), new UploadDocument(4, Transport.PartLayout.PartBytesDefault), WireJson.Default.UploadDocument, Cancel);
        refused.StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }
}
