using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Tributary.Client;
using Tributary.Client.Dashboard;
using Tributary.Federation.Wire;
using Tributary.Provisioning;
using Tributary.Server.Tests.Harness;

namespace Tributary.Dashboard.Tests;

/// <summary>What stands between a browser and the server with somebody's certificate lets in that browser's own page and nobody else.</summary>
public sealed class ForwarderTests : IAsyncLifetime
{
    private readonly HttpClient _browser = new(new SocketsHttpHandler { AllowAutoRedirect = false });
    private SecureServer _server = null!;
    private Kit _kit = null!;
    private HttpClient _connection = null!;
    private DashboardForwarder _forwarder = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _server = await SecureServer.StartAsync();
        _kit = _server.Project.Open("viewer/bob", TimeProvider.System);
        _connection = new AdminFile(_server.Address, null).Connect(_kit, isInsecure: false);
        _forwarder = await DashboardForwarder.StartAsync(_connection, port: 0, Cancel);
    }

    public async ValueTask DisposeAsync()
    {
        await _forwarder.DisposeAsync();
        _connection.Dispose();
        _kit.Dispose();
        _browser.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task The_page_and_what_it_asks_come_from_the_server_as_the_kits_party()
    {
        using HttpResponseMessage page = await _browser.GetAsync(_forwarder.Address, Cancel);
        page.StatusCode.ShouldBe(HttpStatusCode.OK);
        page.Headers.Contains(ProtocolVersion.Header).ShouldBeTrue();
        page.Content.Headers.ContentType!.MediaType.ShouldBe("text/html");
        page.Headers.GetValues("Content-Security-Policy").Single().ShouldContain("script-src 'self';");
        (await page.Content.ReadAsStringAsync(Cancel)).ShouldContain("assets/dashboard.js");
        JsonElement me = await _browser.GetFromJsonAsync<JsonElement>(new Uri(_forwarder.Address, "v1/me"), Cancel);
        (me.GetProperty("role").GetString(), me.GetProperty("name").GetString()).ShouldBe(("viewer", "bob"));
    }

    [Fact]
    public async Task A_file_that_the_browser_has_is_not_sent_again()
    {
        var script = new Uri(_forwarder.Address, "assets/echarts.js");
        using var request = new HttpRequestMessage(HttpMethod.Get, script);
        request.Headers.AcceptEncoding.Add(new StringWithQualityHeaderValue("gzip"));
        using HttpResponseMessage first = await _browser.SendAsync(request, Cancel);
        first.Content.Headers.ContentEncoding.ShouldBe(["gzip"]);
        first.Content.Headers.ContentLength!.Value.ShouldBeLessThan(500_000);
        using var again = new HttpRequestMessage(HttpMethod.Get, script);
        again.Headers.AcceptEncoding.Add(new StringWithQualityHeaderValue("gzip"));
        again.Headers.IfNoneMatch.Add(first.Headers.ETag!);
        using HttpResponseMessage second = await _browser.SendAsync(again, Cancel);
        second.StatusCode.ShouldBe(HttpStatusCode.NotModified);
    }

    [Theory]
    [InlineData("GET", "v1/jobs", "Host", "localhost:1")]
    [InlineData("GET", "v1/jobs", "Host", "evil.example")]
    [InlineData("GET", "v1/jobs", "Origin", "https://evil.example")]
    [InlineData("GET", "v1/jobs", "Origin", "null")]
    [InlineData("GET", "v1/jobs", "Sec-Fetch-Site", "cross-site")]
    [InlineData("GET", "", "Sec-Fetch-Site", "cross-site")]
    [InlineData("POST", "v1/jobs/demo/abort", "Sec-Fetch-Site", "same-site")]
    [InlineData("POST", "v1/jobs/demo/abort", "Sec-Fetch-Site", "none")]
    [InlineData("POST", "v1/jobs/demo/abort", "Origin", "http://127.0.0.1")]
    [InlineData("DELETE", "v1/jobs/demo", "Sec-Fetch-Site", "same-origin")]
    public async Task Another_sites_page_gets_nothing(string method, string path, string header, string value)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(_forwarder.Address, path));
        request.Headers.TryAddWithoutValidation(header, value);
        await RequireRefusedAsync(request);
    }

    [Theory]
    [InlineData("")]
    [InlineData("v1/jobs")]
    [InlineData("0000000000000000000000000000000000000000000000000000000000000000/v1/jobs")]
    public async Task Who_does_not_know_the_secret_gets_nothing(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(new Uri(_forwarder.Address.GetLeftPart(UriPartial.Authority)), path));
        await RequireRefusedAsync(request);
    }

    [Fact]
    public async Task Each_has_a_secret_of_its_own_and_is_there_for_this_machine_only()
    {
        await using DashboardForwarder other = await DashboardForwarder.StartAsync(_connection, port: 0, Cancel);
        other.Address.AbsolutePath.ShouldNotBe(_forwarder.Address.AbsolutePath);
        _forwarder.Address.Host.ShouldBe("127.0.0.1");
        IPAddress[] outside = [.. (await Dns.GetHostAddressesAsync(Dns.GetHostName(), Cancel)).Where(address => !IPAddress.IsLoopback(address))];
        foreach (IPAddress address in outside)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new UriBuilder(_forwarder.Address) { Host = address.ToString() }.Uri);
            await Should.ThrowAsync<HttpRequestException>(_browser.SendAsync(request, Cancel));
        }
    }

    [Fact]
    public async Task What_the_party_may_not_do_the_server_refuses_still_and_a_body_is_not_passed_on()
    {
        using HttpResponseMessage refused = await _browser.PostAsync(new Uri(_forwarder.Address, "v1/jobs/demo/abort"), content: null, Cancel);
        refused.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await refused.Content.ReadAsStringAsync(Cancel)).ShouldContain("This address is not for viewer/bob.");
        using HttpResponseMessage submitted = await _browser.PostAsync(new Uri(_forwarder.Address, "v1/jobs"), JsonContent.Create(new { a = 1 }), Cancel);
        submitted.IsSuccessStatusCode.ShouldBeFalse();
    }

    [Fact]
    public async Task A_server_that_is_away_is_said_with_the_reason()
    {
        await _server.Server.DisposeAsync();
        using HttpResponseMessage response = await _browser.GetAsync(new Uri(_forwarder.Address, "v1/jobs"), Cancel);
        response.StatusCode.ShouldBe(HttpStatusCode.BadGateway);
        (await response.Content.ReadAsStringAsync(Cancel)).ShouldContain("refused");
    }

    [Fact]
    public async Task A_port_that_is_taken_is_said() =>
        (await Should.ThrowAsync<IOException>(DashboardForwarder.StartAsync(_connection, _forwarder.Address.Port, Cancel))).Message.ShouldContain($"port {_forwarder.Address.Port}");

    private async Task RequireRefusedAsync(HttpRequestMessage request)
    {
        using HttpResponseMessage response = await _browser.SendAsync(request, Cancel);
        response.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        // Every answer of the server says its version: this one is the forwarder's own, and the server was not asked.
        response.Headers.Contains(ProtocolVersion.Header).ShouldBeFalse();
        response.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
    }
}
