using System.Net;
using System.Net.Http.Json;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Tributary.Federation.Wire;
using Tributary.Provisioning;
using Tributary.Server.Tests.Harness;
using Tributary.TestKit;
using Tributary.Transport;

namespace Tributary.Server.Tests.Endpoints;

/// <summary>Uploads that go wrong. What a site sent must not be taken for a message before every byte of it is there and right.</summary>
public sealed class BadUploadTests
{
    private const int PartBytes = 1024;
    private const string Step = "v1/jobs/demo/rounds/1/steps/0";

    private static readonly PartLayout Layout = new(2500, PartBytes);
    private static readonly byte[][] Parts = [.. Enumerable.Range(0, 2500).Select(i => (byte)(i % 251)).Chunk(PartBytes)];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_is_wrong_with_a_part_or_commit_is_answered_with_a_problem_and_nothing_stands_under_the_final_name()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await server.OpenAsync(Models.Job("demo", "a"), initial);
        using ManualSite a = server.Site("a");
        TaskDocument task = await BeginAsync(a);
        await RequireProblemAsync(await PutAsync(a, 0, Parts[1], Parts[0]), HttpStatusCode.BadRequest, "part-digest-mismatch");
        await RequireProblemAsync(await PutAsync(a, 0, Parts[2], Parts[2]), HttpStatusCode.BadRequest, "part-length");
        await RequireProblemAsync(await PutAsync(a, 3, Parts[2], Parts[2]), HttpStatusCode.BadRequest, "part-out-of-range");
        await RequireProblemAsync(await PutAsync(a, "..%2f..%2f0", Parts[2], Parts[2]), HttpStatusCode.BadRequest, "part-out-of-range");
        (await PutAsync(a, 0, Parts[0], Parts[0])).StatusCode.ShouldBe(HttpStatusCode.NoContent);
        (await PutAsync(a, 2, Parts[2], Parts[2])).StatusCode.ShouldBe(HttpStatusCode.NoContent);
        await RequireProblemAsync(await CommitAsync(a), HttpStatusCode.Conflict, "parts-missing");
        var result = new ResultDocument(1, 1, new Dictionary<string, double>(), Descriptor.Digest, ManualSite.Meaning(task));
        using HttpResponseMessage early = await a.PostAsync(task, result);
        early.StatusCode.ShouldBe(HttpStatusCode.UnprocessableEntity);
        (await early.Content.ReadAsStringAsync(Cancel)).ShouldContain("has not been committed");
        Committed(server).ShouldBeEmpty();

        // What was right is kept: only the part that is missing has to be sent.
        (await PutAsync(a, 1, Parts[1], Parts[1])).StatusCode.ShouldBe(HttpStatusCode.NoContent);
        (await CommitAsync(a)).StatusCode.ShouldBe(HttpStatusCode.OK);
        Committed(server).Single().ShouldEndWith("round-00001-0-a.safetensors");
    }

    [Fact]
    public async Task A_site_cannot_ask_for_more_room_than_a_result_can_need_and_the_job_goes_on()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        Task<JobRecord> running = await server.OpenAsync(Models.Job("demo", "a") with { Rounds = 1 }, initial);
        using ManualSite a = server.Site("a");
        TaskDocument task = await a.TakeAsync();
        (await a.BeginAsync(task, 1, 1L << 40)).ShouldBe(HttpStatusCode.RequestEntityTooLarge);
        (await a.BeginAsync(task, 1, 1L << 20)).ShouldBe(HttpStatusCode.RequestEntityTooLarge);
        Directory.GetFiles(Path.Combine(server.Folder, "jobs", "demo", "spool")).ShouldBeEmpty();
        (await a.SendAsync(task, 1, initial, 1)).ShouldBe(HttpStatusCode.NoContent);
        await a.EvaluateAsync();
        (await running).Models.Count.ShouldBe(2);
    }

    [Theory]
    [InlineData("/progress")]
    [InlineData("/result")]
    [InlineData("/uploads/1")]
    [InlineData("/uploads/1/parts/0")]
    [InlineData("/uploads/1/commit")]
    public async Task A_site_whose_connection_is_reset_within_a_request_does_not_end_the_job(string address)
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        Task<JobRecord> running = await server.OpenAsync(Models.Job("demo", "a") with { Rounds = 1 }, initial);
        using ManualSite a = server.Site("a");
        TaskDocument task = await BeginAsync(a);
        using (var client = new TcpClient())
        {
            await client.ConnectAsync(IPAddress.Loopback, server.Server.Address.Port, Cancel);
            string head = $"{(address.Contains("parts") ? "PUT" : "POST")} /{Step}{address} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TestServer.TokenOf("a")}\r\n"
                + $"Content-Type: application/json\r\nContent-Digest: {ManualSite.ContentDigest(Parts[0])}\r\nContent-Length: {PartBytes}\r\n\r\n{{";
            await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(head), Cancel);

            // The server has begun to read when it has answered another one of the site's.
            await a.Http.GetAsync(Step + "/uploads/1", Cancel);
            client.LingerState = new LingerOption(true, 0);
        }

        (await a.SendAsync(task, 1, initial, 1)).ShouldBe(HttpStatusCode.NoContent);
        await a.EvaluateAsync();
        (await running).Models.Count.ShouldBe(2);
    }

    [Fact]
    public async Task A_site_that_is_killed_within_a_part_over_TLS_does_not_end_the_job()
    {
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync();
        await server.Admin().SubmitAsync(Models.Job("demo", "a") with { Rounds = 1 }, "model", initial, progress: null, Cancel);
        using ManualSite a = server.Site("a");
        TaskDocument task = await BeginAsync(a);
        using (var client = new TcpClient())
        {
            await client.ConnectAsync(IPAddress.Loopback, server.Address.Port, Cancel);
            using Kit kit = server.Project.Open("site/a");
            NetworkStream line = client.GetStream();
            await using var tls = new SslStream(line, leaveInnerStreamOpen: true);
            var options = new SslClientAuthenticationOptions
            {
                TargetHost = "localhost",
                ClientCertificateContext = SslStreamCertificateContext.Create(kit.Certificate, null, offline: true),
                CertificateChainPolicy = kit.Trust.NewChainPolicy(PartyRole.Server),
                CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
            };
            await tls.AuthenticateAsClientAsync(options, Cancel);
            string head = $"PUT /{Step}/uploads/1/parts/0 HTTP/1.1\r\nHost: localhost\r\nContent-Digest: {ManualSite.ContentDigest(Parts[0])}\r\nContent-Length: {PartBytes}\r\n\r\n";
            await tls.WriteAsync(Encoding.ASCII.GetBytes(head), Cancel);

            // The begin of a record of 256 bytes, and no more: what a kernel sends of a process that is gone.
            await line.WriteAsync(new byte[] { 0x17, 3, 3, 1, 0, 1, 2, 3 }, Cancel);
            client.Client.Shutdown(SocketShutdown.Send);
            try
            {
                await line.CopyToAsync(Stream.Null, Cancel);
            }
            catch (IOException)
            {
                // The server broke off, too.
            }
        }

        (await a.SendAsync(task, 1, initial, 1)).ShouldBe(HttpStatusCode.NoContent);
        await a.EvaluateAsync();
        JobDocument ended = await server.EndOfAsync("demo");
        ended.Line.State.ShouldBe(JobState.Finished, ended.Line.Reason);
    }

    [Fact]
    public async Task A_site_neither_sees_nor_changes_nor_commits_what_another_one_uploads()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await server.OpenAsync(Models.Job("demo", "a", "b"), initial);
        using ManualSite a = server.Site("a");
        using ManualSite b = server.Site("b");
        await BeginAsync(a);
        await b.TakeAsync();
        await RequireProblemAsync(await b.Http.GetAsync(Step + "/uploads/1", Cancel), HttpStatusCode.NotFound, "upload-not-found");
        await RequireProblemAsync(await PutAsync(b, 0, Parts[0], Parts[0]), HttpStatusCode.NotFound, "upload-not-found");
        await RequireProblemAsync(await CommitAsync(b), HttpStatusCode.NotFound, "upload-not-found");
        await BeginAsync(b);
        (await PutAsync(b, 0, Parts[0], Parts[0])).StatusCode.ShouldBe(HttpStatusCode.NoContent);
        JsonElement state = await a.Http.GetFromJsonAsync<JsonElement>(Step + "/uploads/1", Cancel);
        state.GetProperty("missing").GetRawText().ShouldBe("[[0,2]]");
    }

    [Fact]
    public async Task A_job_or_site_whose_name_would_be_a_path_is_refused_before_a_folder_is_made()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        foreach (string name in new[] { "../demo", "..", "", "a/b", "a\0b", "Demo", new string('x', 64) })
        {
            (await Should.ThrowAsync<ArgumentException>(server.Run(Models.Job(name, "a"), initial).Job)).Message.ShouldContain($"the name '{name}'");
            (await Should.ThrowAsync<ArgumentException>(server.Run(Models.Job("demo", "a", name), initial).Job)).Message.ShouldContain($"the name '{name}'");
        }

        Directory.Exists(Path.Combine(server.Folder, "jobs")).ShouldBeFalse();
    }

    private static ObjectDescriptor Descriptor => new("any", Layout, [.. Parts.Select(part => PartChecksum.Of(part))]);

    private static async Task<TaskDocument> BeginAsync(ManualSite site)
    {
        TaskDocument task = await site.TakeAsync();
        var begin = new UploadDocument(Layout.Length, PartBytes);
        using HttpResponseMessage begun = await site.Http.PostAsJsonAsync(Step + "/uploads/1", begin, WireJson.Default.UploadDocument, Cancel);
        begun.StatusCode.ShouldBe(HttpStatusCode.OK);
        return task;
    }

    private static Task<HttpResponseMessage> PutAsync(ManualSite site, object part, byte[] bytes, byte[] announced)
    {
        var content = new ByteArrayContent(bytes);
        content.Headers.Add("Content-Digest", ManualSite.ContentDigest(announced));
        return site.Http.PutAsync($"{Step}/uploads/1/parts/{part}", content, Cancel);
    }

    private static Task<HttpResponseMessage> CommitAsync(ManualSite site) =>
        site.Http.PostAsync(Step + "/uploads/1/commit", new ByteArrayContent(Descriptor.ToJson()), Cancel);

    private static string[] Committed(TestServer server) => Directory.GetFiles(Path.Combine(server.Folder, "jobs", "demo", "spool"), "*.safetensors");

    private static async Task RequireProblemAsync(HttpResponseMessage response, HttpStatusCode status, string type)
    {
        string body = await response.Content.ReadAsStringAsync(Cancel);
        response.StatusCode.ShouldBe(status, body);
        response.Content.Headers.ContentType?.MediaType.ShouldBe("application/problem+json");
        body.ShouldContain($"\"urn:tributary:{type}\"");
    }
}
