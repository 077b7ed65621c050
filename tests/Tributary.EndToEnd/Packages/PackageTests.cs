using System.IO.Compression;
using System.Xml.Linq;
using Tributary.TestKit;

namespace Tributary.EndToEnd.Packages;

/// <summary>The packages, installed and used as people do who have never seen this repository.</summary>
public sealed class PackageTests(PackedFeed feed) : IClassFixture<PackedFeed>, IDisposable
{
    private readonly TempFolder _folder = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static string Version { get; } = XDocument.Load(Path.Combine(Repository.Root, "Directory.Build.props")).Descendants("Version").Single().Value;

    private static (string Name, string Value)[] DotnetEnvironment { get; } =
        [("DOTNET_ROOT", ExternalProgram.DotnetRoot), ("DOTNET_CLI_TELEMETRY_OPTOUT", "1"), ("DOTNET_NOLOGO", "1"), ("DOTNET_CLI_USE_MSBUILD_SERVER", "0"), ("MSBUILDDISABLENODEREUSE", "1")];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_room_has_its_package_with_what_a_registry_shows_of_it()
    {
        string[] rooms = [.. Directory.GetFiles(Path.Combine(Repository.Root, "src"), "*.csproj", SearchOption.AllDirectories).Select(path => Path.GetFileNameWithoutExtension(path))];
        rooms.Length.ShouldBeGreaterThan(10);
        foreach (string room in rooms)
        {
            using ZipArchive package = ZipFile.OpenRead(Path.Combine(feed.Path, $"{room}.{Version}.nupkg"));
            using Stream nuspec = package.GetEntry($"{room}.nuspec")!.Open();
            var said = XDocument.Load(nuspec).Descendants().Where(element => !element.HasElements).ToLookup(element => element.Name.LocalName, element => element.Value);
            said["license"].ShouldBe(["Apache-2.0"], room);
            said["description"].Single().Length.ShouldBeGreaterThan(40, room);
            package.GetEntry(said["readme"].Single()).ShouldNotBeNull(room);
            package.Entries.ShouldAllBe(entry => !entry.FullName.Contains("android", StringComparison.Ordinal), room);
            if (room != "Tributary.Cli")
            {
                package.GetEntry($"lib/net10.0/{room}.xml").ShouldNotBeNull($"{room}: no documentation for people who write against it");
                feed.Names.ShouldContain($"{room}.{Version}.snupkg");
            }
        }
    }

    [Fact]
    public async Task A_project_that_references_packages_only_builds_and_runs_a_federation()
    {
        string sample = Path.Combine(Repository.Root, "samples", "custom-executor");
        foreach (string source in Directory.GetFiles(sample, "*.cs"))
        {
            File.Copy(source, _folder[Path.GetFileName(source)]);
        }

        await File.WriteAllTextAsync(_folder["CustomExecutor.csproj"], $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <ImplicitUsings>enable</ImplicitUsings>
                <Nullable>enable</Nullable>
                <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
                <NuGetAudit>false</NuGetAudit>
              </PropertyGroup>
              <ItemGroup>
                <PackageReference Include="Tributary.Simulation" Version="{Version}" />
                <PackageReference Include="Tributary.Server" Version="{Version}" />
                <PackageReference Include="Tributary.Site" Version="{Version}" />
                <PackageReference Include="Tributary.Federation" Version="{Version}" />
              </ItemGroup>
            </Project>
            """, Cancel);
        // What the packages depend on has been restored for this repository already; no other folder of packages is looked at, nor a registry.
        await File.WriteAllTextAsync(_folder["nuget.config"], $"""
            <configuration>
              <packageSources><clear /><add key="feed" value="{feed.Path}" /></packageSources>
              <fallbackPackageFolders><clear /><add key="restored" value="{await RestoredPackagesAsync()}" /></fallbackPackageFolders>
            </configuration>
            """, Cancel);
        (string, string)[] environment = [.. DotnetEnvironment, ("NUGET_PACKAGES", _folder["packages"])];

        ProgramResult built = await ExternalProgram.RunAsync("dotnet", _folder.Path, environment, Cancel, "build", "-c", "Release", "-o", "program", "--nologo", "-v", "quiet");
        built.ExitCode.ShouldBe(0, built.Output);
        Directory.GetDirectories(_folder["packages"]).Select(path => Path.GetFileName(path)).ShouldContain("tributary.server", "it was built with the packages of the feed");
        ProgramResult ran = await ExternalProgram.RunAsync("dotnet", _folder.Path, environment, Cancel, "program/CustomExecutor.dll", _folder["line"]);
        ran.Output.ShouldStartWith("y = 3.00 x + -1.00;", customMessage: ran.Error);
    }

    [Fact]
    public async Task The_tool_is_installed_and_works_without_the_repository()
    {
        // The machine's own settings of NuGet would have the tool looked for elsewhere, too.
        await File.WriteAllTextAsync(_folder["nuget.config"], $"""<configuration><packageSources><clear /><add key="feed" value="{feed.Path}" /></packageSources></configuration>""", Cancel);
        ProgramResult installed = await ExternalProgram.RunAsync(
            "dotnet", _folder.Path, DotnetEnvironment, Cancel, "tool", "install", "--tool-path", "tools", "--configfile", _folder["nuget.config"], "Tributary.Cli", "--version", Version);
        installed.ExitCode.ShouldBe(0, installed.Output + installed.Error);

        (await RunToolAsync("--help")).ShouldContain("simulate");
        (await RunToolAsync("bench", "sizes", "--model", "stories260k")).ShouldContain("260,032 parameters");
        await RunToolAsync("model", "new", "--preset", "stories260k", "--out", "model");
        // Processes of the tool itself, as its executable starts them; and a journal, with SQLite's native library out of the package.
        await RunToolAsync("bench", "streaming", "--model", "model", "--streaming", "file", "--runs", "1", "--work", _folder.Path);
    }

    [Fact]
    public async Task The_wheel_is_installed_into_an_environment_of_its_own_and_imported()
    {
        string wheel = Path.Combine(feed.Path, $"tributary-{Version}-py3-none-any.whl");
        ProgramResult made = await PythonAsync("-m", "venv", "environment");
        if (made.ExitCode == 0)
        {
            string python = _folder["environment/bin/python"];
            ProgramResult installed = await ExternalProgram.RunAsync(python, _folder.Path, [], Cancel, "-m", "pip", "install", "--no-index", "--disable-pip-version-check", wheel);
            installed.ExitCode.ShouldBe(0, installed.Error);
            ProgramResult imported = await ExternalProgram.RunAsync(
                python, _folder.Path, [], Cancel, "-c", "import importlib.metadata as m, tributary; print(m.version('tributary'), callable(tributary.tasks), tributary.__file__)");
            imported.Output.ShouldStartWith($"{Version} True {_folder["environment"]}", customMessage: imported.Error);
        }
        else
        {
            // A Python without venv or pip, as Debian's by itself. A wheel can be imported as it is, but that says less: RECORD is not looked at.
            (await PythonAsync("-c", $"import sys; sys.path.insert(0, '{wheel}'); import tributary; print(tributary.__file__)")).Output.ShouldStartWith(wheel);
        }
    }

    [Fact]
    public async Task The_wheel_is_the_same_bytes_when_it_is_built_again()
    {
        ProgramResult built = await PythonAsync(Path.Combine(Repository.Root, "python", "build_wheel.py"), _folder["again"]);
        built.ExitCode.ShouldBe(0, built.Error);
        string name = $"tributary-{Version}-py3-none-any.whl";
        File.ReadAllBytes(_folder[$"again/{name}"]).ShouldBe(await File.ReadAllBytesAsync(Path.Combine(feed.Path, name), Cancel));
    }

    private static async Task<string> RestoredPackagesAsync()
    {
        ProgramResult told = await ExternalProgram.RunAsync("dotnet", Repository.Root, DotnetEnvironment, Cancel, "nuget", "locals", "global-packages", "--list", "--force-english-output");
        return told.Output.Split("global-packages:")[1].Trim();
    }

    private Task<ProgramResult> PythonAsync(params string[] arguments) => ExternalProgram.RunAsync("python3", _folder.Path, [], Cancel, arguments);

    private async Task<string> RunToolAsync(params string[] arguments)
    {
        ProgramResult ran = await ExternalProgram.RunAsync(_folder["tools/tributary"], _folder.Path, DotnetEnvironment, Cancel, arguments);
        ran.ExitCode.ShouldBe(0, ran.Error);
        return ran.Output;
    }
}
