using System.Text.Json;
using System.Text.RegularExpressions;
using Tributary.Cli.Commands;
using Tributary.Configuration;
using Tributary.Provisioning;
using Tributary.TestKit;

namespace Tributary.EndToEnd.Deployment;

/// <summary>What deploy/ has is of one piece with the program and its kits: a path or verb that is no more there is found here, not on a server.</summary>
public sealed partial class DeployFolderTests : IDisposable
{
    private static readonly string Deploy = Path.Combine(Repository.Root, "deploy");

    private readonly TempFolder _folder = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("server", "server/server", "opt/tributary/server", "tributary-server.service")]
    [InlineData("sites/a", "site/a", "opt/tributary/a", "tributary-site-a.service")]
    public async Task The_installer_puts_a_kit_where_its_unit_looks_and_keeps_what_was_configured(string folder, string party, string home, string unit)
    {
        using var project = new TestProject();
        await InstallAsync(Path.Combine(project.Kits, folder));
        using (var kit = Kit.Load(_folder[home], role: null, TimeProvider.System))
        {
            kit.Party.ToString().ShouldBe(party);
            (OperatingSystem.IsWindows() ? default : File.GetUnixFileMode(_folder[home]) & (UnixFileMode.GroupRead | UnixFileMode.OtherRead)).ShouldBe(UnixFileMode.None);
            await File.AppendAllTextAsync(kit.ConfigurationPath, "# ours\n", Cancel);
        }

        await InstallAsync(Path.Combine(project.Kits, folder));
        using (var again = Kit.Load(_folder[home], role: null, TimeProvider.System))
        {
            (await File.ReadAllTextAsync(again.ConfigurationPath, Cancel)).ShouldEndWith("# ours\n");
        }

        string text = await File.ReadAllTextAsync(_folder[$"etc/systemd/system/{unit}"], Cancel);
        text.ShouldContain($"WorkingDirectory=/{home}\n");
        if (File.Exists("/usr/bin/systemd-analyze"))
        {
            // The program and its user are not installed where tests run.
            string here = _folder[unit];
            await File.WriteAllTextAsync(here, text.Replace("/usr/local/bin/tributary", "/bin/true", StringComparison.Ordinal), Cancel);
            ProgramResult verified = await ExternalProgram.RunAsync("systemd-analyze", _folder.Path, [], Cancel, "verify", here);
            (verified.Output + verified.Error).Split('\n').Where(line => line.Contains(unit, StringComparison.Ordinal)).ShouldBeEmpty();
        }
    }

    [Fact]
    public void What_the_image_is_built_from_is_there_and_is_the_program()
    {
        string[] lines = File.ReadAllLines(Path.Combine(Deploy, "containers", "Dockerfile"));
        string[] copied = [.. lines.Where(line => line.StartsWith("COPY ", StringComparison.Ordinal) && !line.Contains("--from", StringComparison.Ordinal)).SelectMany(line => line.Split(' ')[1..^1])];
        copied.ShouldAllBe(path => Path.Exists(Path.Combine(Repository.Root, path)));
        string published = Published().Match(string.Join('\n', lines)).Groups["it"].Value;
        Directory.GetFiles(Path.Combine(Repository.Root, published), "*.csproj").ShouldHaveSingleItem();

        // Whatever the projects take from beside src is copied, too, or the image's build fails.
        IEnumerable<string> outside = Directory.GetFiles(Path.Combine(Repository.Root, "src"), "*.csproj", SearchOption.AllDirectories)
            .SelectMany(project => Outside().Matches(File.ReadAllText(project)).Select(match => match.Groups["it"].Value));
        outside.ShouldAllBe(path => copied.Any(copy => path.StartsWith(copy, StringComparison.Ordinal)) || copied.Contains(path));
        JsonSerializer.Deserialize<string[]>(lines[^1]["ENTRYPOINT ".Length..])![1].ShouldBe("/program/" + Path.GetFileName(TributaryProgram.Assembly));
    }

    [Fact]
    public async Task The_services_of_the_compose_file_are_those_of_its_project_and_their_commands_are_known()
    {
        string folder = Path.Combine(Deploy, "containers");
        File.Copy(Path.Combine(folder, "project.yaml"), _folder["project.yaml"]);
        (await TributaryProgram.RunAsync(_folder.Path, Cancel, "provision", "project.yaml", "--out", "kits")).ExitCode.ShouldBe(0);
        var errors = new List<YamlFileError>();
        var compose = YamlMap.Load(await File.ReadAllTextAsync(Path.Combine(folder, "compose.yaml"), Cancel), "compose.yaml", "none", errors);
        YamlMap program = compose.Map("x-program")!;
        File.Exists(Path.Combine(folder, program.Map("build")!.Text("context")!, program.Map("build")!.Text("dockerfile")!)).ShouldBeTrue();
        YamlMap services = compose.Map("services")!;
        services.Keys.ShouldBe(["server", "site-1", "site-2"]);
        foreach (string service in services.Keys)
        {
            YamlMap said = services.Map(service)!;
            CommandLine.Create().Parse(said.Texts("command")!).Errors.ShouldBeEmpty();
            string kit = said.Texts("volumes")![0].Split(':')[0];
            using var opened = Kit.Load(_folder[kit], role: null, TimeProvider.System);
            opened.Party.Name.ShouldBe(service);
        }

        errors.ShouldBeEmpty();
        (await File.ReadAllTextAsync(_folder["kits/sites/site-1/site.yaml"], Cancel)).ShouldContain("server: https://server:8443");
    }

    [Fact]
    public async Task The_health_check_of_the_compose_file_tells_a_server_that_is_ready_from_one_that_is_not_there()
    {
        int port = DeployedProject.FreePort();
        string yaml = await File.ReadAllTextAsync(Path.Combine(Deploy, "containers", "compose.yaml"), Cancel);
        string check = Check().Match(yaml).Groups["it"].Value.Replace("\\\\", "\\", StringComparison.Ordinal).Replace("8444", $"{port}", StringComparison.Ordinal);
        using DeployedProject project = await DeployedProject.ProvisionAsync($"health_port: {port}");
        (await ExternalProgram.RunAsync("bash", project.Folder, [], Cancel, "-c", check)).ExitCode.ShouldNotBe(0);
        await using Daemon server = project.StartServer();
        await server.UntilAsync("listens at", Cancel);
        ProgramResult ready = await ExternalProgram.RunAsync("bash", project.Folder, [], Cancel, "-c", check);
        ready.ExitCode.ShouldBe(0, ready.Error);
    }

    private async Task InstallAsync(string kit)
    {
        ProgramResult installed = await ExternalProgram.RunAsync(Path.Combine(Deploy, "systemd", "install.sh"), _folder.Path, [], Cancel, kit, _folder.Path);
        installed.ExitCode.ShouldBe(0, installed.Error);
    }

    [GeneratedRegex("dotnet publish (?<it>[^ ]+)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Published();

    [GeneratedRegex(@"=""\.\./\.\./(?<it>[^""]+)""", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Outside();

    [GeneratedRegex(@"test: \[CMD, bash, -c, ""(?<it>.+)""\]", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Check();
}
