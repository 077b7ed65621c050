using System.Net;
using Tributary.Federation.Jobs;
using Tributary.Federation.Wire;
using Tributary.Server.Tests.Harness;

namespace Tributary.Server.Tests.Identity;

/// <summary>Browsers show a certificate whichever page sends the request. Nobody ends an administrator's job with a page that lures them.</summary>
public sealed class BrowserRulesTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("Sec-Fetch-Site", "cross-site")]
    [InlineData("Sec-Fetch-Site", "same-site")]
    [InlineData("Sec-Fetch-Site", "none")]
    [InlineData("Origin", "https://evil.example")]
    [InlineData("Origin", "null")]
    public async Task Another_sites_page_changes_nothing(string header, string value)
    {
        await using SecureServer server = await SecureServer.StartAsync();
        await server.Admin().SubmitAsync(Models.Job("demo", "a"), new InitialModel($"sha256:{new string('a', 64)}", 4, "model", 1), Cancel);
        using HttpClient client = server.Client("admin/alice");
        foreach ((HttpMethod method, string path) in new[] { (HttpMethod.Post, JobRoutes.Abort("demo")), (HttpMethod.Delete, JobRoutes.Job("demo")), (HttpMethod.Post, JobRoutes.Jobs) })
        {
            using var request = new HttpRequestMessage(method, path);
            request.Headers.Add(header, value);
            using HttpResponseMessage response = await client.SendAsync(request, Cancel);
            response.StatusCode.ShouldBe(HttpStatusCode.Forbidden, path);
            (await response.Content.ReadAsStringAsync(Cancel)).ShouldContain("Only the dashboard");
        }

        (await server.Admin().GetAsync("demo", Cancel)).Line.State.ShouldBe(JobState.AwaitingModel);
    }

    [Theory]
    [InlineData("Sec-Fetch-Site", "same-origin")]
    [InlineData("Origin", "own")]
    [InlineData("X-Nothing", "from a program that is no browser")]
    public async Task The_own_page_and_programs_do(string header, string value)
    {
        await using SecureServer server = await SecureServer.StartAsync();
        await server.Admin().SubmitAsync(Models.Job("demo", "a"), new InitialModel($"sha256:{new string('a', 64)}", 4, "model", 1), Cancel);
        using HttpClient client = server.Client("admin/alice");
        using var request = new HttpRequestMessage(HttpMethod.Post, JobRoutes.Abort("demo"));
        request.Headers.Add(header, value == "own" ? server.Address.GetLeftPart(UriPartial.Authority) : value);
        using HttpResponseMessage response = await client.SendAsync(request, Cancel);
        response.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData("")]
    [InlineData("assets/dashboard.js")]
    [InlineData("v1/jobs")]
    public async Task No_other_page_frames_reads_or_runs_what_the_server_answers(string path)
    {
        await using SecureServer server = await SecureServer.StartAsync();
        using HttpClient client = server.Client("viewer/bob");
        using HttpResponseMessage response = await client.GetAsync(path, Cancel);
        response.StatusCode.ShouldBe(HttpStatusCode.OK);
        string policy = response.Headers.GetValues("Content-Security-Policy").Single();
        foreach (string rule in new[] { "default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'" })
        {
            policy.Split("; ").ShouldContain(rule);
        }

        response.Headers.GetValues("X-Content-Type-Options").ShouldBe(["nosniff"]);
        response.Headers.GetValues("Cross-Origin-Resource-Policy").ShouldBe(["same-origin"]);
        response.Headers.GetValues("Referrer-Policy").ShouldBe(["no-referrer"]);
        response.Headers.Contains("Access-Control-Allow-Origin").ShouldBeFalse();
    }
}
