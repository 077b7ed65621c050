using System.Net;
using System.Net.Sockets;
using Tributary.Federation.Wire;
using Tributary.Server.Tests.Harness;
using Tributary.TestKit;

namespace Tributary.Server.Tests.Health;

/// <summary>What a service manager relies on: a server that cannot work says so, and one that can is not started again for nothing.</summary>
public sealed class HealthTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Every_party_of_the_project_may_ask_over_TLS()
    {
        await using SecureServer server = await SecureServer.StartAsync();
        foreach (string party in new[] { "site/a", "admin/alice", "viewer/bob", "server/server" })
        {
            using HttpClient client = server.Client(party);
            (await client.GetStringAsync("healthz", Cancel)).ShouldBe($"healthy {ProtocolVersion.Current}\n", party);
            (await client.GetStringAsync("readyz", Cancel)).ShouldBe($"ready {ProtocolVersion.Current}\n", party);
        }
    }

    [Fact]
    public async Task The_health_port_answers_without_a_certificate_on_loopback_and_has_no_other_address()
    {
        int port = FreePort();
        await using TributaryServer server = await StartAsync(_folder["server"], port);
        using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        (await client.GetStringAsync("healthz", Cancel)).ShouldStartWith("healthy");
        (await client.GetStringAsync("readyz", Cancel)).ShouldStartWith("ready");
        foreach (string path in server.Endpoints.Select(endpoint => endpoint.RoutePattern.RawText!.TrimStart('/')).Where(path => path is not ("healthz" or "readyz")))
        {
            string address = path.Replace("{job}", "demo", StringComparison.Ordinal).Replace("{round:int}", "1", StringComparison.Ordinal).Replace("{step:int}", "0", StringComparison.Ordinal);
            (await client.GetAsync(address, Cancel)).StatusCode.ShouldBe(HttpStatusCode.NotFound, address);
        }
    }

    [Fact]
    public async Task A_health_port_that_is_taken_is_said_by_its_name_and_nothing_stays_open()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        int port = ((IPEndPoint)taken.LocalEndpoint).Port;
        (await Should.ThrowAsync<IOException>(StartAsync(_folder["server"], port))).Message.ShouldBe($"health_port {port} is in use; choose another one in server.yaml");
        // The folder is free again, as after any failed start.
        await using TributaryServer server = await StartAsync(_folder["server"], FreePort());
    }

    [Fact]
    public async Task A_server_is_not_ready_while_its_disk_is_full_and_is_again_when_there_is_room()
    {
        using SmallDisk? disk = SmallDisk.TryMount(160L << 20);
        Assert.SkipWhen(disk is null, "mounting a small disk is not allowed here");
        await using TestServer server = await TestServer.StartAsync(folder: disk["server"]);
        using HttpClient client = server.Client(TestServer.TokenOf("a"));
        (await client.GetAsync("readyz", Cancel)).StatusCode.ShouldBe(HttpStatusCode.OK);
        disk.Fill(leftBytes: 60L << 20);
        (await FaultsAsync(client)).ShouldContain($"and {64 << 20} are needed for the next models");
        disk.Fill();
        (await FaultsAsync(client)).ShouldContain("the journal cannot be written (the disk is full); the disk has 0 bytes free");
        (await client.GetAsync("healthz", Cancel)).StatusCode.ShouldBe(HttpStatusCode.OK, "the process serves; starting it again would not make room");
        disk.MakeRoom();
        (await client.GetAsync("readyz", Cancel)).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    private static async Task<string> FaultsAsync(HttpClient client)
    {
        using HttpResponseMessage response = await client.GetAsync("readyz", Cancel);
        response.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        response.Content.Headers.ContentType?.MediaType.ShouldBe("application/problem+json");
        return await response.Content.ReadAsStringAsync(Cancel);
    }

    private static Task<TributaryServer> StartAsync(string folder, int healthPort) =>
        TributaryServer.StartAsync(new ServerOptions { Folder = folder, HealthPort = healthPort }, TimeProvider.System, static _ => { }, Cancel);

    private static int FreePort()
    {
        using var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        return ((IPEndPoint)free.LocalEndpoint).Port;
    }
}
