using System.Net;
using System.Security.Authentication;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Routing;
using Tributary.Federation.Tasks;
using Tributary.Federation.Wire;
using Tributary.Provisioning;
using Tributary.Server.Tests.Harness;
using Tributary.TestKit;

namespace Tributary.Server.Tests.Identity;

/// <summary>Who has no business at the server gets nothing from it, at no address that it answers at.</summary>
public sealed partial class RefusedCertificateTests
{
    private const string Step = "v1/jobs/{job}/rounds/{round:int}/steps/{step:int}";

    /// <summary>Every address, and the roles that it is for.</summary>
    private static readonly Dictionary<string, string> Rules = new(StringComparer.Ordinal)
    {
        ["GET healthz"] = "site admin viewer server",
        ["GET readyz"] = "site admin viewer server",
        ["GET openapi.json"] = "site admin viewer server",
        ["GET v1/tasks/next"] = "site",
        [$"POST {Step}/progress"] = "site",
        [$"POST {Step}/failure"] = "site",
        [$"POST {Step}/result"] = "site",
        [$"POST {Step}/uploads/{{attempt:int}}"] = "site",
        [$"GET {Step}/uploads/{{attempt:int}}"] = "site",
        [$"PUT {Step}/uploads/{{attempt:int}}/parts/{{part}}"] = "site",
        [$"POST {Step}/uploads/{{attempt:int}}/commit"] = "site",
        ["GET v1/jobs/{job}/objects/{name}"] = "site",
        ["HEAD v1/jobs/{job}/objects/{name}"] = "site",
        ["GET v1/jobs/{job}/objects/{name}/descriptor"] = "site",
        ["HEAD v1/jobs/{job}/objects/{name}/descriptor"] = "site",
        ["GET "] = "admin viewer",
        ["GET assets/{name}"] = "admin viewer",
        ["GET v1/me"] = "admin viewer",
        ["GET v1/jobs"] = "admin viewer",
        ["GET v1/sites"] = "admin viewer",
        ["GET v1/jobs/{job}"] = "admin viewer",
        ["GET v1/jobs/{job}/events"] = "admin viewer",
        ["GET v1/jobs/{job}/models/{which}"] = "admin viewer",
        ["HEAD v1/jobs/{job}/models/{which}"] = "admin viewer",
        ["GET v1/jobs/{job}/models/{which}/descriptor"] = "admin viewer",
        ["HEAD v1/jobs/{job}/models/{which}/descriptor"] = "admin viewer",
        ["POST v1/jobs"] = "admin",
        ["GET v1/jobs/{job}/statement"] = "admin",
        ["POST v1/jobs/{job}/abort"] = "admin",
        ["POST v1/jobs/{job}/resume"] = "admin",
        ["DELETE v1/jobs/{job}"] = "admin",
        ["POST v1/models/{digest}"] = "admin",
        ["GET v1/models/{digest}"] = "admin",
        ["PUT v1/models/{digest}/parts/{part}"] = "admin",
        ["POST v1/models/{digest}/commit"] = "admin",
    };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Nobody_without_a_certificate_of_the_project_gets_as_far_as_a_request()
    {
        await using SecureServer server = await SecureServer.StartAsync();
        using var stranger = new TestProject();
        using Kit foreign = stranger.Open("site/a");
        await RequireNoConnectionAsync(server, null);
        await RequireNoConnectionAsync(server, foreign);
    }

    [Fact]
    public async Task An_expired_certificate_gets_nobody_in_while_the_others_work_on()
    {
        // Everything was provisioned long ago, and all but site b were renewed since.
        var past = new ManualTime();
        var project = new TestProject(TestProject.Yaml + "\nca_days: 36500", past);
        new Provisioner(project.Kits, TimeProvider.System).Renew(project.File, [project.File.Server, new Party(PartyRole.Site, "a")]);
        await using SecureServer server = await SecureServer.StartAsync(project);
        using Kit expired = Kit.Load(project.Folder("site/b"), PartyRole.Site, past);
        await RequireNoConnectionAsync(server, expired);
        using Kit renewed = Kit.Load(project.Folder("site/a"), PartyRole.Site, TimeProvider.System);
        using HttpClient client = server.Client(renewed);
        (await client.GetAsync(Routes.NextTask, Cancel)).StatusCode.ShouldBe(HttpStatusCode.NoContent);
    }

    [Fact]
    public async Task A_revoked_certificate_gets_nobody_in_and_open_connections_end_with_it()
    {
        await using SecureServer server = await SecureServer.StartAsync();
        using Kit a = server.Project.Open("site/a");
        using HttpClient connected = server.Client(a);
        (await connected.GetAsync(Routes.NextTask, Cancel)).StatusCode.ShouldBe(HttpStatusCode.NoContent);
        server.Project.Provisioner.Revoke([a.Party]);

        using HttpResponseMessage refused = await connected.GetAsync(Routes.NextTask, Cancel);
        (await DetailAsync(refused, HttpStatusCode.Forbidden)).ShouldContain("the certificate of site/a");
        await RequireNoConnectionAsync(server, a);
        using HttpClient other = server.Client("site/b");
        (await other.GetAsync(Routes.NextTask, Cancel)).StatusCode.ShouldBe(HttpStatusCode.NoContent);
    }

    [Theory]
    [InlineData("site/a", "site")]
    [InlineData("viewer/bob", "viewer")]
    [InlineData("admin/alice", "admin")]
    [InlineData("server/server", "server")]
    public async Task An_address_is_for_its_roles_and_for_nobody_else(string party, string role)
    {
        // A route that is added without a rule is refused to everybody; one that is not in the table here was forgotten.
        await using SecureServer server = await SecureServer.StartAsync();
        using HttpClient client = server.Client(party);
        Routed(server).Select(route => $"{route.Method} {route.Pattern}").ShouldBe(Rules.Keys, ignoreOrder: true);
        foreach ((HttpMethod method, string path, string pattern) in Routed(server))
        {
            using var request = new HttpRequestMessage(method, path);
            using HttpResponseMessage response = await client.SendAsync(request, Cancel);
            if (Rules[$"{method} {pattern}"].Split(' ').Contains(role))
            {
                response.StatusCode.ShouldNotBe(HttpStatusCode.Forbidden, $"{method} {path}");
            }
            else if (method == HttpMethod.Head)
            {
                response.StatusCode.ShouldBe(HttpStatusCode.Forbidden, path);
            }
            else
            {
                (await DetailAsync(response, HttpStatusCode.Forbidden)).ShouldBe($"This address is not for {party}.", $"{method} {path}");
            }
        }
    }

    [Fact]
    public async Task The_OpenAPI_document_has_every_address_with_its_roles_and_says_what_it_is_for()
    {
        await using SecureServer server = await SecureServer.StartAsync();
        using HttpClient client = server.Client("viewer/bob");
        using JsonDocument document = JsonDocument.Parse(await client.GetStringAsync("openapi.json", Cancel));
        var found = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (JsonProperty path in document.RootElement.GetProperty("paths").EnumerateObject())
        {
            foreach (JsonProperty operation in path.Value.EnumerateObject())
            {
                operation.Value.GetProperty("summary").GetString().ShouldNotBeNullOrEmpty($"{operation.Name} {path.Name}");
                found[$"{operation.Name.ToUpperInvariant()} {path.Name.TrimStart('/')}"] = string.Join(' ', operation.Value.GetProperty("x-roles").EnumerateArray().Select(role => role.GetString()).Order());
            }
        }

        found.ShouldBe(Rules.ToDictionary(rule => rule.Key.Replace(":int", string.Empty, StringComparison.Ordinal), rule => string.Join(' ', rule.Value.Split(' ').Order())), ignoreOrder: true);
        string text = document.RootElement.GetRawText();
        foreach (Match reference in Regex.Matches(text, "\"#/components/schemas/(\\w+)\"", RegexOptions.None, TimeSpan.FromSeconds(1)))
        {
            document.RootElement.GetProperty("components").GetProperty("schemas").TryGetProperty(reference.Groups[1].Value, out _).ShouldBeTrue(reference.Value);
        }
    }

    [Fact]
    public async Task A_sites_certificate_is_worth_nothing_for_another_sites_work()
    {
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        Task<JobRecord> job = server.Server.RunJobAsync(Models.Job("demo", "a"), initial, static _ => { }, stop.Token);
        using ManualSite a = server.Site("a");
        TaskDocument task = await a.TakeAsync();
        using ManualSite b = server.Site("b");

        // Names in headers are no way to be somebody, nor are the tokens of a server without TLS.
        b.Http.DefaultRequestHeaders.Add("Authorization", $"Bearer {TestServer.TokenOf("a")}");
        b.Http.DefaultRequestHeaders.Add("X-Client-Cert", "tributary://site/a");
        (await b.PollAsync()).StatusCode.ShouldBe(HttpStatusCode.NoContent);
        (await b.Http.GetAsync(task.Message.Path, Cancel)).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await b.BeginAsync(task, 1, 10)).ShouldBe(HttpStatusCode.Gone);
        (await b.PostAsync(task, new ResultDocument(1, 1, new Dictionary<string, double> { [MetricNames.ReceivedLoss] = 1 }, null, null))).StatusCode.ShouldBe(HttpStatusCode.Gone);
        (await a.Http.GetAsync(task.Message.Path, Cancel)).StatusCode.ShouldBe(HttpStatusCode.OK);
        await stop.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(job);
    }

    [Fact]
    public async Task Older_versions_of_TLS_are_not_spoken()
    {
        Assert.SkipUnless(TlsVersion.Has13, "This platform has no TLS 1.3.");
        await using SecureServer server = await SecureServer.StartAsync();
        using Kit a = server.Project.Open("site/a");
        using HttpClient old = server.Client(a, SslProtocols.Tls12);
        await Should.ThrowAsync<HttpRequestException>(old.GetAsync(Routes.NextTask, Cancel));
        using HttpClient current = server.Client(a, SslProtocols.Tls13);
        (await current.GetAsync(Routes.NextTask, Cancel)).StatusCode.ShouldBe(HttpStatusCode.NoContent);
    }

    [Theory]
    [InlineData("9.0.0", HttpStatusCode.BadRequest)]
    [InlineData("nonsense", HttpStatusCode.BadRequest)]
    [InlineData("0.99.7", HttpStatusCode.NoContent)]
    public async Task Another_major_version_is_told_so_and_another_minor_one_is_served(string version, HttpStatusCode expected)
    {
        await using SecureServer server = await SecureServer.StartAsync();
        using HttpClient client = server.Client("site/a");
        client.DefaultRequestHeaders.Add(ProtocolVersion.Header, version);
        using HttpResponseMessage response = await client.GetAsync(Routes.NextTask, Cancel);
        response.StatusCode.ShouldBe(expected);
        response.Headers.GetValues(ProtocolVersion.Header).Single().ShouldBe(ProtocolVersion.Current);
        if (expected != HttpStatusCode.NoContent)
        {
            (await DetailAsync(response, expected)).ShouldContain($"speaks version {version} of Tributary, and this is version {ProtocolVersion.Current}");
        }
    }

    private static async Task RequireNoConnectionAsync(SecureServer server, Kit? kit)
    {
        foreach ((HttpMethod method, string path) in Addresses(server).Append((HttpMethod.Get, "no/such/route")))
        {
            using HttpClient client = server.Client(kit);
            using var request = new HttpRequestMessage(method, path);
            await Should.ThrowAsync<HttpRequestException>(client.SendAsync(request, Cancel), $"{method} {path}");
        }
    }

    private static IEnumerable<(HttpMethod Method, string Path)> Addresses(SecureServer server) => Routed(server).Select(route => (route.Method, route.Path));

    private static IEnumerable<(HttpMethod Method, string Path, string Pattern)> Routed(SecureServer server) =>
        from endpoint in server.Server.Endpoints
        from method in endpoint.Metadata.GetRequiredMetadata<HttpMethodMetadata>().HttpMethods
        let pattern = endpoint.RoutePattern.RawText!.Trim('/')
        select (new HttpMethod(method), Parameters().Replace(pattern, match => match.Value.Contains("int", StringComparison.Ordinal) ? "1" : "demo"), pattern);

    private static async Task<string> DetailAsync(HttpResponseMessage response, HttpStatusCode expected)
    {
        string body = await response.Content.ReadAsStringAsync(Cancel);
        response.StatusCode.ShouldBe(expected, body);
        response.Content.Headers.ContentType?.MediaType.ShouldBe("application/problem+json");
        using JsonDocument problem = JsonDocument.Parse(body);
        return problem.RootElement.GetProperty("detail").GetString()!;
    }

    [GeneratedRegex(@"\{[^}]+\}", RegexOptions.None, 1000)]
    private static partial Regex Parameters();
}
