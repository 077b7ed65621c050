using System.Net;
using System.Net.Http.Json;
using System.Text;
using Tributary.Federation.Messages;
using Tributary.Federation.Wire;
using Tributary.Server.Storage;
using Tributary.Server.Tests.Harness;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;
using Tributary.TestKit;

namespace Tributary.Server.Tests.Endpoints;

public sealed class ResultTests
{
    private static readonly Dictionary<string, double> Metrics = new() { ["received_loss"] = 1, ["held_out_tokens"] = 10 };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_result_counts_once_however_often_it_is_sent_and_whatever_comes_after_it()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        Task<JobRecord> running = await server.OpenAsync(Models.Job("once", "a", "b") with { Rounds = 1 }, initial);
        using ManualSite a = server.Site("a");
        using ManualSite b = server.Site("b");
        TaskDocument task = await a.TakeAsync();
        (await a.TakeAsync()).Attempt.ShouldBe(2);
        using MemorySource two = Change(2);
        (await a.SendAsync(task, 1, two, samples: 1)).ShouldBe(HttpStatusCode.NoContent);
        ResultRow counted = Counted(server, "once").ShouldHaveSingleItem();

        (await a.SendAsync(task, 1, two, samples: 1)).ShouldBe(HttpStatusCode.NoContent);
        (await a.BeginAsync(task, 2, 5000)).ShouldBe(HttpStatusCode.Gone, "what counts can no longer be replaced");
        string digest = counted.Digest!;
        await RequireRefusalAsync(a.PostAsync(task, new ResultDocument(2, 50, Metrics, "sha256:0", ManualSite.Meaning(task))), HttpStatusCode.UnprocessableEntity, digest);
        ResultRow still = Counted(server, "once").ShouldHaveSingleItem();
        (still with { Metrics = counted.Metrics }).ShouldBe(counted);
        still.Metrics.ShouldBe(counted.Metrics);
        (await a.PollAsync()).StatusCode.ShouldBe(HttpStatusCode.NoContent);

        TaskDocument other = await b.TakeAsync();
        (await b.SendAsync(other, other.Attempt, two, samples: 3)).ShouldBe(HttpStatusCode.NoContent);
        await a.EvaluateAsync();
        await b.EvaluateAsync();
        using SafetensorsFile last = SafetensorsFile.Open((await running).LastModel!);
        last.ReadFloats("w").ShouldBe(initial.ReadFloats("w").Select(value => value + 2));
    }

    [Fact]
    public async Task A_result_without_its_message_is_refused()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await server.OpenAsync(Models.Job("demo", "a"), initial);
        using ManualSite a = server.Site("a");
        TaskDocument task = await a.TakeAsync();
        MessageMeaning meaning = ManualSite.Meaning(task);
        await RequireRefusalAsync(a.PostAsync(task, new ResultDocument(1, 5, Metrics, null, null)), HttpStatusCode.UnprocessableEntity, "needs a message");
        await RequireRefusalAsync(a.PostAsync(task, new ResultDocument(1, 5, Metrics, "sha256:0", null)), HttpStatusCode.UnprocessableEntity, "needs a message");
        await RequireRefusalAsync(a.PostAsync(task, new ResultDocument(1, 5, Metrics, "sha256:0", meaning)), HttpStatusCode.UnprocessableEntity, "has not been committed");
        await RequireRefusalAsync(a.PostAsync(task, new ResultDocument(9, 5, Metrics, "sha256:0", meaning)), HttpStatusCode.UnprocessableEntity, "has not been committed");
        Counted(server, "demo").ShouldBeEmpty();
    }

    [Fact]
    public async Task A_result_of_no_samples_or_of_figures_that_are_no_numbers_is_refused()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await server.OpenAsync(Models.Job("demo", "a"), initial);
        using ManualSite a = server.Site("a");
        TaskDocument task = await a.TakeAsync();
        using MemorySource change = Change(1);
        string digest = await a.UploadAsync(task, 1, change);
        MessageMeaning meaning = ManualSite.Meaning(task);
        await RequireRefusalAsync(a.PostAsync(task, new ResultDocument(1, 0, Metrics, digest, meaning)), HttpStatusCode.UnprocessableEntity, "samples above zero");
        await RequireRefusalAsync(a.PostAsync(task, new ResultDocument(1, -3, Metrics, digest, meaning)), HttpStatusCode.UnprocessableEntity, "samples above zero");

        // JSON knows no infinity, but a number that is too large for a double is read as one.
        string huge = $$$"""{"attempt":1,"samples":1,"metrics":{"train_loss":1e999},"digest":"{{{digest}}}","meaning":{"kind":"delta","base":"{{{meaning.Base}}}","precision":"fp32"}}""";
        Task<HttpResponseMessage> posted = a.Http.PostAsync(Routes.Step("demo", 1, 0) + "/result", new StringContent(huge, Encoding.UTF8, "application/json"), Cancel);
        await RequireRefusalAsync(posted, HttpStatusCode.UnprocessableEntity, "'train_loss' is not a finite number");
        Counted(server, "demo").ShouldBeEmpty();
    }

    [Fact]
    public async Task A_change_against_another_model_is_refused_and_not_counted()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await server.OpenAsync(Models.Job("demo", "a"), initial);
        using ManualSite a = server.Site("a");
        TaskDocument task = await a.TakeAsync();
        using MemorySource change = Change(1);
        string digest = await a.UploadAsync(task, 1, change);
        var other = new MessageMeaning(MessageKind.Delta, "sha256:0123456789abcdef", "fp32");
        await RequireRefusalAsync(a.PostAsync(task, new ResultDocument(1, 1, Metrics, digest, other)), HttpStatusCode.Conflict, "sha256:0123456789ab");
        Counted(server, "demo").ShouldBeEmpty();
        using HttpResponseMessage right = await a.PostAsync(task, new ResultDocument(1, 1, Metrics, digest, ManualSite.Meaning(task)));
        right.StatusCode.ShouldBe(HttpStatusCode.NoContent);
    }

    [Theory]
    [InlineData(MessageKind.Weights, false)]
    [InlineData(MessageKind.Delta, false)]
    [InlineData(MessageKind.Weights, true)]
    public async Task A_result_of_another_kind_than_the_job_exchanges_is_refused_and_not_averaged_with_the_others(MessageKind kind, bool withBase)
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await server.OpenAsync(Models.Job("demo", "a"), initial);
        using ManualSite a = server.Site("a");
        TaskDocument task = await a.TakeAsync();
        using MemorySource change = Change(1);
        string digest = await a.UploadAsync(task, 1, change);
        var meaning = new MessageMeaning(kind, withBase ? ManualSite.Meaning(task).Base : null, "fp32");
        await RequireRefusalAsync(a.PostAsync(task, new ResultDocument(1, 1, Metrics, digest, meaning)), HttpStatusCode.Conflict, "this job exchanges Delta");
        Counted(server, "demo").ShouldBeEmpty();
    }

    [Fact]
    public async Task An_update_of_other_tensors_than_the_models_is_refused_by_name_before_it_counts()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await server.OpenAsync(Models.Job("demo", "a"), initial);
        using ManualSite a = server.Site("a");
        TaskDocument task = await a.TakeAsync();
        using var misshapen = new MemorySource(MemorySource.F32("w", [2], 1, 2), MemorySource.F32("b", [7], new float[7]));
        string digest = await a.UploadAsync(task, 1, misshapen);
        await RequireRefusalAsync(
            a.PostAsync(task, new ResultDocument(1, 1, Metrics, digest, ManualSite.Meaning(task))), HttpStatusCode.UnprocessableEntity, "tensor 'w' is F32[2], but should be F32[100, 7]");
        Counted(server, "demo").ShouldBeEmpty();
    }

    [Fact]
    public async Task Bytes_that_are_no_message_are_refused_without_a_word_of_where_the_server_keeps_them()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await server.OpenAsync(Models.Job("demo", "a"), initial);
        using ManualSite a = server.Site("a");
        TaskDocument task = await a.TakeAsync();
        string digest = await a.UploadAsync(task, 1, Encoding.ASCII.GetBytes("these bytes are no safetensors file"));
        using HttpResponseMessage response = await a.PostAsync(task, new ResultDocument(1, 1, Metrics, digest, ManualSite.Meaning(task)));
        string body = await response.Content.ReadAsStringAsync(Cancel);
        response.StatusCode.ShouldBe(HttpStatusCode.UnprocessableEntity, body);
        body.ShouldContain("the message");
        body.ShouldNotContain(server.Folder);
        body.ShouldNotContain("spool");
        Counted(server, "demo").ShouldBeEmpty();
    }

    [Fact]
    public async Task A_result_that_claims_another_digest_than_was_committed_is_refused()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await server.OpenAsync(Models.Job("demo", "a"), initial);
        using ManualSite a = server.Site("a");
        TaskDocument task = await a.TakeAsync();
        using MemorySource change = Change(1);
        string digest = await a.UploadAsync(task, 1, change);
        await RequireRefusalAsync(
            a.PostAsync(task, new ResultDocument(1, 1, Metrics, "sha256:0", ManualSite.Meaning(task))), HttpStatusCode.UnprocessableEntity, digest);
    }

    [Fact]
    public async Task A_site_whose_work_may_still_be_wanted_is_told_to_wait_and_not_to_throw_it_away()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        Task<JobRecord> running = await server.OpenAsync(Models.Job("demo", "a"), initial);
        TaskDocument task;
        using (ManualSite before = server.Site("a"))
        {
            task = await before.TakeAsync();
        }

        await server.RestartAsync(running);
        using ManualSite a = server.Site("a");
        string progress = Routes.Step("demo", task.Round, task.Step) + "/progress";
        using HttpResponseMessage early = await a.Http.PostAsJsonAsync(progress, new { phase = "training" }, Cancel);
        early.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        await server.OpenAsync(Models.Job("demo", "a"), initial);
        using HttpResponseMessage inTime = await a.Http.PostAsJsonAsync(progress, new { phase = "training" }, Cancel);
        inTime.StatusCode.ShouldBe(HttpStatusCode.NoContent);
        using MemorySource change = Change(1);
        (await a.SendAsync(task, task.Attempt, change, samples: 1)).ShouldBe(HttpStatusCode.NoContent);
        using HttpResponseMessage late = await a.Http.PostAsJsonAsync(progress, new { phase = "training" }, Cancel);
        late.StatusCode.ShouldBeOneOf(HttpStatusCode.Gone, HttpStatusCode.NoContent);
    }

    private static MemorySource Change(float amount)
    {
        float[] values = new float[700];
        Array.Fill(values, amount);
        return new MemorySource(MemorySource.F32("w", [100, 7], values), MemorySource.F32("b", [7], values[..7]));
    }

    private static IReadOnlyList<ResultRow> Counted(TestServer server, string job)
    {
        using var journal = new Journal(server.JournalPath, TimeProvider.System);
        return journal.Results(job);
    }

    private static async Task RequireRefusalAsync(Task<HttpResponseMessage> posted, HttpStatusCode status, string reason)
    {
        using HttpResponseMessage response = await posted;
        string body = await response.Content.ReadAsStringAsync(Cancel);
        response.StatusCode.ShouldBe(status, body);
        response.Content.Headers.ContentType?.MediaType.ShouldBe("application/problem+json");
        System.Text.RegularExpressions.Regex.Unescape(body).ShouldContain(reason);
    }
}
