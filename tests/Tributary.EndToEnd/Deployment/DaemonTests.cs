using System.Net;
using System.Net.Sockets;
using Tributary.TestKit;

namespace Tributary.EndToEnd.Deployment;

/// <summary>Server and sites from their kits, in processes of their own.</summary>
public sealed class DaemonTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Sites_find_their_server_whichever_is_started_first_and_again_after_it_was_killed()
    {
        await ProvisionAsync();
        await using Daemon first = Daemon.Start(_folder.Path, "site", "start", "--kit", "kits/sites/a");
        await first.UntilAsync("the server does not answer, and is asked again until it does", Cancel);
        await using (Daemon server = Daemon.Start(_folder.Path, "server", "start", "--kit", "kits/server"))
        {
            await server.UntilAsync("site/a has connected", Cancel);
            await first.UntilAsync("site a is connected", Cancel);
            server.Kill();
        }

        await using Daemon second = Daemon.Start(_folder.Path, "site", "start", "--kit", "kits/sites/b", "--json");
        await using Daemon again = Daemon.Start(_folder.Path, "server", "start", "--kit", "kits/server", "--json");
        (await again.UntilAsync("listens at", Cancel)).ShouldContain("TLS 1.");
        await first.UntilAsync("the server answers again", Cancel);
        (await second.UntilAsync("site b is connected", Cancel)).ShouldStartWith("{");
        (await first.EndAsync(Cancel)).ShouldBe(0);
        (await second.EndAsync(Cancel)).ShouldBe(0);
        (await again.EndAsync(Cancel)).ShouldBe(0);
    }

    [Fact]
    public async Task Without_TLS_a_server_is_there_for_its_own_machine_only()
    {
        await ProvisionAsync();
        await using Daemon server = Daemon.Start(_folder.Path, "server", "start", "--kit", "kits/server", "--insecure-loopback");
        (await server.UntilAsync("listens at", Cancel)).ShouldContain("http://127.0.0.1:");
        await using Daemon site = Daemon.Start(_folder.Path, "site", "start", "--kit", "kits/sites/a", "--insecure-loopback");
        await site.UntilAsync("site a is connected to http://127.0.0.1:", Cancel);
    }

    [Fact]
    public async Task A_site_goes_out_through_the_proxy_that_its_environment_names()
    {
        await ProvisionAsync();
        using var proxy = new TcpListener(IPAddress.Loopback, 0);
        proxy.Start();
        await using Daemon site = Daemon.Start(_folder.Path, [("HTTPS_PROXY", $"http://{proxy.LocalEndpoint}"), ("NO_PROXY", string.Empty)], "site", "start", "--kit", "kits/sites/a");
        using TcpClient asked = await proxy.AcceptTcpClientAsync(Cancel);
        using var reader = new StreamReader(asked.GetStream());
        (await reader.ReadLineAsync(Cancel))!.ShouldStartWith("CONNECT localhost:");
    }

    [Theory]
    [InlineData("server start --kit kits/sites/a", "one of a server is needed here")]
    [InlineData("site start --kit kits/nobody", "there is no such folder")]
    [InlineData("provision none.yaml", "there is no such project file")]
    [InlineData("provision revoke site/nobody", "site/nobody has no certificate")]
    [InlineData("provision revoke clinic", "'clinic' is no party; write role/name")]
    [InlineData("provision renew project.yaml admin/eve", "admin/eve is not in the project file")]
    [InlineData("provision init", "is there already")]
    public async Task What_cannot_be_done_is_said_in_one_line_with_the_code_for_wrong_usage(string command, string says)
    {
        await ProvisionAsync();
        ProgramResult result = await TributaryProgram.RunAsync(_folder.Path, Cancel, command.Split(' '));
        (result.ExitCode, result.Error.Trim().Split('\n').Length).ShouldBe((2, 1), result.Error);
        result.Error.ShouldContain(says);
    }

    private async Task ProvisionAsync()
    {
        using var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        int port = ((IPEndPoint)free.LocalEndpoint).Port;
        free.Stop();
        string yaml = TestProject.Yaml.Replace("server: {", $"server: {{ port: {port},", StringComparison.Ordinal);
        await File.WriteAllTextAsync(_folder["project.yaml"], yaml, Cancel);
        ProgramResult made = await TributaryProgram.RunAsync(_folder.Path, Cancel, "provision", "project.yaml");
        made.ExitCode.ShouldBe(0, made.Error);
    }
}
