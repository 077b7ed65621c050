using System.Text.RegularExpressions;
using Tributary.TestKit;

namespace Tributary.EndToEnd.Deployment;

/// <summary>docs/OPERATIONS.md, done: an administrator who follows it in a bad hour gets what it promises.</summary>
public sealed partial class OperationsTests
{
    private static readonly string Document = File.ReadAllText(Path.Combine(Repository.Root, "docs", "OPERATIONS.md"));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_server_that_is_restored_from_its_backup_goes_on_with_its_job()
    {
        int health = DeployedProject.FreePort();
        using DeployedProject project = await DeployedProject.ProvisionAsync($"health_port: {health}");
        await using Daemon clinic = project.StartSite("clinic");
        await using Daemon bank = project.StartSite("bank");
        await using (Daemon server = project.StartServer())
        {
            await server.UntilAsync("listens at", Cancel);
            await RunAsync(project, Shell("## Health").Replace("8444", $"{health}", StringComparison.Ordinal));
            await project.SubmitAsync(rounds: 4);
            await clinic.UntilAsync("of round 2 of job 'demo' begins", Cancel);
            (await server.EndAsync(Cancel)).ShouldBe(0);
        }

        await RunAsync(project, Shell("## Back up"));

        // A disk that was lost, and before that rounds of which the backup knows nothing.
        await using (Daemon later = project.StartServer())
        {
            await clinic.UntilAsync("of round 3 of job 'demo' begins", Cancel);
            later.Kill();
        }

        await RunAsync(project, Shell("## Restore"));
        await using Daemon restored = project.StartServer();
        await restored.UntilAsync("listens at", Cancel);
        await project.WatchAsync();
        Directory.GetFiles(project["kits/server/data/jobs/demo/tensorboard"], "*tfevents*", SearchOption.AllDirectories).Length.ShouldBe(3);
    }

    [Fact]
    public async Task A_renewed_certificate_is_copied_as_it_says_and_taken()
    {
        using DeployedProject project = await DeployedProject.ProvisionAsync(string.Empty);
        Directory.CreateDirectory(project["opt"]);
        await RunAsync(project, "cp -rp kits/server opt/server");
        (await TributaryProgram.RunAsync(project.Folder, Cancel, "provision", "renew", "project.yaml", "server/server", "site/clinic")).ExitCode.ShouldBe(0);
        byte[] before = await File.ReadAllBytesAsync(project["opt/server/certificate.pem"], Cancel);
        await RunAsync(project, "cp kits/server/certificate.pem opt/server/");
        (await File.ReadAllBytesAsync(project["opt/server/certificate.pem"], Cancel)).ShouldNotBe(before);
        await using Daemon server = Daemon.Start(project.Folder, "server", "start", "--kit", "opt/server");
        await server.UntilAsync("listens at", Cancel);
        await using Daemon clinic = project.StartSite("clinic");
        await clinic.UntilAsync("site clinic is connected", Cancel);
    }

    [Fact]
    public void Every_error_that_is_explained_is_one_that_the_program_says()
    {
        string source = string.Concat(Directory.GetFiles(Path.Combine(Repository.Root, "src"), "*.cs", SearchOption.AllDirectories).Select(File.ReadAllText));
        string[] errors = [.. ErrorRows().Matches(Document.Split("## Errors")[1]).SelectMany(row => Quoted().Matches(row.Groups["says"].Value)).Select(quoted => quoted.Groups["it"].Value)];
        errors.Length.ShouldBeGreaterThan(10);
        errors.Where(error => !source.Contains(error, StringComparison.Ordinal)).ShouldBeEmpty();
    }

    /// <summary>The first block of commands under a heading, for a kit in the project's folder; the service is the test's to stop and start.</summary>
    private static string Shell(string heading)
    {
        string block = Document.Split(heading + "\n")[1].Split("```sh\n")[1].Split("```")[0];
        return string.Join('\n', block.Split('\n').Where(line => !line.StartsWith("systemctl ", StringComparison.Ordinal))).Replace("/opt/tributary", "kits", StringComparison.Ordinal);
    }

    private static async Task RunAsync(DeployedProject project, string commands)
    {
        ProgramResult ran = await ExternalProgram.RunAsync("sh", project.Folder, [], Cancel, "-euc", commands);
        ran.ExitCode.ShouldBe(0, $"{commands}\n{ran.Error}");
    }

    [GeneratedRegex(@"^\| (?<says>`.+?) \|", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex ErrorRows();

    [GeneratedRegex("`(?<it>[^`]+)`", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Quoted();
}
