using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Tributary.Federation.Tasks;
using Tributary.Federation.Wire;
using Tributary.Server.Tests.Harness;
using Tributary.TestKit;
using Tributary.Transport;

namespace Tributary.Server.Tests.Endpoints;

public sealed class AccessTests
{
    private const string Step = "v1/jobs/demo/rounds/1/steps/0";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("GET", "v1/tasks/next")]
    [InlineData("POST", Step + "/progress")]
    [InlineData("POST", Step + "/failure")]
    [InlineData("POST", Step + "/result")]
    [InlineData("POST", Step + "/uploads/1")]
    [InlineData("PUT", Step + "/uploads/1/parts/0")]
    [InlineData("GET", "v1/jobs/demo/objects/round-00001-0")]
    [InlineData("GET", "v1/jobs/demo/objects/round-00001-0/descriptor")]
    [InlineData("GET", "no/such/route")]
    public async Task Nobody_gets_in_without_a_known_token(string method, string path)
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await server.OpenAsync(Models.Job("demo", "a"), initial);
        foreach (string? token in new[] { null, "wrong", TestServer.TokenOf("a") + "x", "" })
        {
            using HttpClient client = server.Client(token);
            using var request = new HttpRequestMessage(new HttpMethod(method), path);
            using HttpResponseMessage response = await client.SendAsync(request, Cancel);
            await RequireProblemAsync(response, HttpStatusCode.Unauthorized);
            response.Headers.WwwAuthenticate.Single().Scheme.ShouldBe("Bearer");
        }
    }

    [Fact]
    public async Task Another_scheme_with_the_right_token_is_no_entry()
    {
        await using TestServer server = await TestServer.StartAsync();
        using HttpClient client = server.Client();
        client.DefaultRequestHeaders.Authorization = new("Basic", TestServer.TokenOf("a"));
        using HttpResponseMessage response = await client.GetAsync("v1/tasks/next", Cancel);
        response.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task A_site_outside_the_job_sees_neither_its_task_nor_its_objects_and_cannot_send_anything()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await server.OpenAsync(Models.Job("demo", "a"), initial);
        using ManualSite a = server.Site("a");
        TaskDocument task = await a.TakeAsync();
        using ManualSite stranger = server.Site("c");
        (await stranger.PollAsync()).StatusCode.ShouldBe(HttpStatusCode.NoContent);
        await RequireProblemAsync(await stranger.Http.GetAsync(task.Message.Path, Cancel), HttpStatusCode.NotFound);
        await RequireProblemAsync(await stranger.Http.GetAsync(task.Message.Path + "/descriptor", Cancel), HttpStatusCode.NotFound);
        await RequireProblemAsync(await PostAsync(stranger, Step + "/failure", """{"reason":"mischief"}"""), HttpStatusCode.Gone);
        await RequireProblemAsync(await PostAsync(stranger, Step + "/progress", """{"phase":"training"}"""), HttpStatusCode.Gone);
        await RequireProblemAsync(await PostAsync(stranger, Step + "/result", """{"attempt":1,"samples":1,"metrics":{},"digest":null,"meaning":null}"""), HttpStatusCode.Gone);
        await RequireProblemAsync(await PostAsync(stranger, Step + "/uploads/1", """{"length":10,"partBytes":8388608}"""), HttpStatusCode.Gone);
        (await a.Http.GetAsync(task.Message.Path, Cancel)).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_site_gets_the_tasks_of_its_own_jobs_only()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await server.OpenAsync(Models.Job("first", "a"), initial);
        await server.OpenAsync(Models.Job("second", "b"), initial);
        using ManualSite a = server.Site("a");
        using ManualSite b = server.Site("b");
        (await a.TakeAsync()).Job.Name.ShouldBe("first");
        TaskDocument second = await b.TakeAsync();
        second.Job.Name.ShouldBe("second");
        (await a.Http.GetAsync(second.Message.Path, Cancel)).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task An_upload_needs_an_attempt_that_was_handed_to_that_site_and_stays_its_own()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await server.OpenAsync(Models.Job("demo", "a", "b"), initial);
        using ManualSite a = server.Site("a");
        using ManualSite b = server.Site("b");
        const string Document = """{"length":10,"partBytes":8388608}""";
        await RequireProblemAsync(await PostAsync(a, Step + "/uploads/1", Document), HttpStatusCode.NotFound);
        await a.TakeAsync();
        await RequireProblemAsync(await PostAsync(a, Step + "/uploads/0", Document), HttpStatusCode.NotFound);
        await RequireProblemAsync(await PostAsync(a, Step + "/uploads/2", Document), HttpStatusCode.NotFound);
        await RequireProblemAsync(await PostAsync(b, Step + "/uploads/1", Document), HttpStatusCode.NotFound);
        (await PostAsync(a, Step + "/uploads/1", Document)).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await a.Http.GetAsync(Step + "/uploads/1", Cancel)).StatusCode.ShouldBe(HttpStatusCode.OK);
        await b.TakeAsync();
        (await b.Http.GetAsync(Step + "/uploads/1", Cancel)).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task A_message_longer_than_the_server_takes_is_refused_before_it_is_sent()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await server.OpenAsync(Models.Job("demo", "a"), initial);
        using ManualSite a = server.Site("a");
        await a.TakeAsync();
        await RequireProblemAsync(
            await PostAsync(a, Step + "/uploads/1", $$"""{"length":{{(1L << 40) + 1}},"partBytes":268435456}"""), HttpStatusCode.RequestEntityTooLarge);
    }

    [Theory]
    [InlineData("GET", "no/such/route", null, 404)]
    [InlineData("GET", "", null, 404)]
    [InlineData("POST", "v1/tasks/next", "{}", 405)]
    [InlineData("GET", Step + "/result", null, 405)]
    [InlineData("POST", "v1/jobs/demo/rounds/one/steps/0/result", "{}", 404)]
    [InlineData("POST", "v1/jobs/demo/rounds/99999999999/steps/0/result", "{}", 404)]
    [InlineData("POST", "v1/jobs/other/rounds/1/steps/0/failure", """{"reason":"x"}""", 410)]
    [InlineData("POST", "v1/jobs/demo/rounds/2/steps/0/failure", """{"reason":"x"}""", 410)]
    [InlineData("POST", "v1/jobs/demo/rounds/-1/steps/0/failure", """{"reason":"x"}""", 410)]
    [InlineData("POST", "v1/jobs/demo/rounds/01/steps/0/failure", """{"reason":"x"}""", 410)]
    [InlineData("POST", Step + "/result", "garbage", 400)]
    [InlineData("POST", Step + "/result", "", 400)]
    [InlineData("POST", Step + "/result", "null", 400)]
    [InlineData("POST", Step + "/result", "[]", 400)]
    [InlineData("POST", Step + "/result", "{}", 400)]
    [InlineData("POST", Step + "/result", """{"attempt":1,"samples":1,"metrics":null,"digest":null,"meaning":null}""", 400)]
    [InlineData("POST", Step + "/result", """{"attempt":1,"samples":1,"metrics":{"x":NaN},"digest":null,"meaning":null}""", 400)]
    [InlineData("POST", Step + "/result", """{"attempt":1,"samples":1e30,"metrics":{},"digest":null,"meaning":null}""", 400)]
    [InlineData("POST", Step + "/progress", """{"phase":"sleeping"}""", 400)]
    [InlineData("POST", Step + "/progress", "{\"phase\":\"\\ud800\"}", 400)]
    [InlineData("POST", Step + "/failure", """{"reason":null}""", 400)]
    [InlineData("POST", Step + "/uploads/1", "garbage", 400)]
    [InlineData("POST", Step + "/uploads/1", """{"length":-1,"partBytes":8388608}""", 400)]
    [InlineData("POST", Step + "/uploads/1", """{"length":10,"partBytes":1}""", 400)]
    [InlineData("POST", Step + "/uploads/99999999999", "{}", 404)]
    [InlineData("PUT", Step + "/uploads/1/parts/0", "x", 404)]
    [InlineData("GET", "v1/jobs/demo/objects/nothing", null, 404)]
    [InlineData("GET", "v1/jobs/demo/objects/..%2f..%2ftributary.db", null, 404)]
    [InlineData("GET", "v1/jobs/demo/objects/%2e%2e", null, 404)]
    [InlineData("GET", "v1/jobs/demo/objects/%2e%2e%2f%2e%2e%2ftributary.db/descriptor", null, 404)]
    [InlineData("GET", "v1/jobs/..%2fdemo/objects/round-00001-0", null, 404)]
    [InlineData("GET", "v1/jobs/demo/objects/", null, 404)]
    [InlineData("GET", "v1/jobs//objects/round-00001-0", null, 404)]
    [InlineData("GET", "v1/jobs/demo/objects/round-00001-0.safetensors", null, 404)]
    [InlineData("POST", "v1/jobs/%2e%2e%2fdemo/rounds/1/steps/0/uploads/1", """{"length":10,"partBytes":8388608}""", 410)]
    [InlineData("POST", "v1/jobs/demo/rounds/%201/steps/0/failure", """{"reason":"x"}""", 410)]
    [InlineData("POST", "v1/jobs/demo/rounds/1/steps/%2B0/failure", """{"reason":"x"}""", 410)]
    [InlineData("POST", Step + "/uploads/..%2f1", """{"length":10,"partBytes":8388608}""", 404)]
    [InlineData("POST", Step + "/uploads/-1", """{"length":10,"partBytes":8388608}""", 404)]
    [InlineData("GET", "v1/jobs/other/objects/round-00001-0", null, 404)]
    public async Task What_makes_no_sense_is_answered_with_a_problem_and_is_never_the_servers_fault(string method, string path, string? body, int expected)
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        Task<JobRecord> running = await server.OpenAsync(Models.Job("demo", "a"), initial);
        using ManualSite a = server.Site("a");
        await a.TakeAsync();
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        request.Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await a.Http.SendAsync(request, Cancel);
        await RequireProblemAsync(response, (HttpStatusCode)expected);
        running.IsCompleted.ShouldBeFalse();
    }

    [Theory]
    [InlineData("v1/jobs/demo/objects/a%00b")]
    [InlineData("v1/jobs/demo/objects/%ff%fe")]
    [InlineData("v1/jobs/demo/objects/", 5000)]
    [InlineData("v1/jobs/demo/objects/", 50000)]
    public async Task A_name_that_no_file_could_have_is_refused_and_the_job_goes_on(string path, int length = 0)
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        Task<JobRecord> running = await server.OpenAsync(Models.Job("demo", "a"), initial);
        using ManualSite a = server.Site("a");
        using HttpResponseMessage response = await a.Http.GetAsync(path + new string('x', length), Cancel);
        ((int)response.StatusCode).ShouldBeInRange(400, 499);
        running.IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task A_step_that_is_closed_takes_no_upload_and_no_part_and_leaves_nothing_of_one()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        Task<JobRecord> running = await server.OpenAsync(Models.Job("demo", "a", "b"), initial);
        using ManualSite a = server.Site("a");
        using ManualSite b = server.Site("b");
        await a.TakeAsync();
        (await PostAsync(a, Step + "/uploads/1", """{"length":10,"partBytes":8388608}""")).StatusCode.ShouldBe(HttpStatusCode.OK);
        await b.TakeAsync();
        (await PostAsync(b, Step + "/failure", """{"reason":"no more"}""")).StatusCode.ShouldBe(HttpStatusCode.NoContent);
        await Should.ThrowAsync<Federation.Workflows.JobFailedException>(running);
        await RequireProblemAsync(await PostAsync(a, Step + "/uploads/1", """{"length":10,"partBytes":8388608}"""), HttpStatusCode.Gone);
        using var part = new ByteArrayContent(new byte[10]);
        await RequireProblemAsync(await a.Http.PutAsync(Step + "/uploads/1/parts/0", part, Cancel), HttpStatusCode.NotFound);
        await RequireProblemAsync(await PostAsync(a, Step + "/uploads/1/commit", "{}"), HttpStatusCode.NotFound);
        await RequireProblemAsync(await a.Http.GetAsync(Step + "/uploads/1", Cancel), HttpStatusCode.NotFound);
        Directory.GetFiles(Path.Combine(server.Folder, "jobs", "demo", "spool"), "*.safetensors").ShouldBeEmpty();
    }

    [Fact]
    public async Task A_body_that_is_not_JSON_by_its_own_account_is_refused()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await server.OpenAsync(Models.Job("demo", "a"), initial);
        using ManualSite a = server.Site("a");
        using var content = new StringContent("""{"reason":"x"}""", Encoding.UTF8, "text/plain");
        await RequireProblemAsync(await a.Http.PostAsync(Step + "/failure", content, Cancel), HttpStatusCode.BadRequest);
    }

    private static Task<HttpResponseMessage> PostAsync(ManualSite site, string path, string json) =>
        site.Http.PostAsync(path, new StringContent(json, Encoding.UTF8, "application/json"), Cancel);

    private static async Task RequireProblemAsync(HttpResponseMessage response, HttpStatusCode status)
    {
        string body = await response.Content.ReadAsStringAsync(Cancel);
        response.StatusCode.ShouldBe(status, body);
        response.Content.Headers.ContentType?.MediaType.ShouldBe("application/problem+json");
        using JsonDocument problem = JsonDocument.Parse(body);
        problem.RootElement.GetProperty("status").GetInt32().ShouldBe((int)status);
        problem.RootElement.GetProperty("title").GetString().ShouldNotBeNullOrEmpty();
    }
}
