using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Tributary.TestKit;

namespace Tributary.EndToEnd.Deployment;

/// <summary>What somebody types who wants to look at the dashboard.</summary>
public sealed class DashboardCommandTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_kit_is_all_that_is_needed_and_the_address_that_is_printed_works_until_the_program_ends()
    {
        await ProvisionAsync();
        await using Daemon server = Daemon.Start(_folder.Path, "server", "start", "--kit", "kits/server");
        await server.UntilAsync("listens at", Cancel);
        var start = new ProcessStartInfo("dotnet", [TributaryProgram.Assembly, "dashboard", "--kit", "kits/viewers/bob", "--no-open"]) { WorkingDirectory = _folder.Path, UseShellExecute = false, RedirectStandardOutput = true };
        using Process dashboard = Process.Start(start)!;
        try
        {
            var address = new Uri((await dashboard.StandardOutput.ReadLineAsync(Cancel))!);
            using var browser = new HttpClient();
            (await browser.GetStringAsync(address, Cancel)).ShouldContain("<title>Tributary</title>");
            JsonElement me = await browser.GetFromJsonAsync<JsonElement>(new Uri(address, "v1/me"), Cancel);
            me.GetProperty("name").GetString().ShouldBe("bob");
            using Process kill = Process.Start("kill", ["-TERM", dashboard.Id.ToString()]);
            await kill.WaitForExitAsync(Cancel);
            await dashboard.WaitForExitAsync(Cancel);
            dashboard.ExitCode.ShouldBe(0);
        }
        finally
        {
            if (!dashboard.HasExited)
            {
                dashboard.Kill();
            }
        }
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_said_at_once()
    {
        await ProvisionAsync();
        ProgramResult result = await TributaryProgram.RunAsync(_folder.Path, Cancel, "dashboard", "--kit", "kits/viewers/bob", "--no-open");
        (result.ExitCode, result.Error.Trim().Split('\n').Length).ShouldBe((1, 1), result.Error);
        result.Error.ShouldContain("localhost");
        result.Output.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_certificate_for_a_browser_comes_with_the_password_that_opens_it()
    {
        await ProvisionAsync();
        ProgramResult result = await TributaryProgram.RunAsync(_folder.Path, Cancel, "dashboard", "--kit", "kits/viewers/bob", "--p12", "bob.p12");
        result.ExitCode.ShouldBe(0, result.Error);
        X509CertificateLoader.LoadPkcs12CollectionFromFile(_folder["bob.p12"], result.Output.Trim()).Count.ShouldBe(2);
        result = await TributaryProgram.RunAsync(_folder.Path, Cancel, "dashboard", "--kit", "kits/viewers/bob", "--p12", "bob.p12");
        (result.ExitCode, result.Output).ShouldBe((2, string.Empty));
        result.Error.ShouldContain("is there already");
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
