using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Tributary.TestKit;

namespace Tributary.EndToEnd.Deployment;

/// <summary>The page that new administrators follow, command by command. Where this fails they are stuck at that command.</summary>
public sealed partial class GettingStartedTests : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly List<Daemon> _daemons = [];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        foreach (Daemon daemon in _daemons)
        {
            await daemon.DisposeAsync();
        }

        _folder.Dispose();
    }

    [Fact]
    public async Task Every_command_of_the_page_does_what_it_says_in_the_order_of_the_page()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "The page's commands are for a shell.");
        LayOut();
        string page = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs", "GETTING-STARTED.md"), Cancel);

        // Another port than the page's, which somebody may use on the machine of the test.
        page = page.Replace("8443", FreePort().ToString(), StringComparison.Ordinal);
        string exports = string.Empty;
        var output = new List<string>();
        foreach (Match block in Blocks().Matches(page))
        {
            string commands = block.Groups["commands"].Value;
            if (block.Groups["until"] is { Success: true } until)
            {
                Daemon daemon = Daemon.Run("bash", _folder.Path, [], "-c", $"exec {commands.Trim()}");
                _daemons.Add(daemon);
                await daemon.UntilAsync(until.Value, Cancel);
                continue;
            }

            ProgramResult result = await ExternalProgram.RunAsync("bash", _folder.Path, [], Cancel, "-ec", exports + commands);
            result.ExitCode.ShouldBe(0, $"{commands}\n{result.Output}\n{result.Error}");
            output.Add(result.Output);
            exports += string.Concat(Exports().Matches(commands).Select(line => line.Value + "\n"));
        }

        _daemons.Count.ShouldBe(3);
        string all = string.Join('\n', output);
        all.ShouldContain("first finished round 4 of 4");
        all.ShouldContain("entries, whole; the last one's hash is");
        foreach (Daemon daemon in _daemons)
        {
            (await daemon.EndAsync(Cancel)).ShouldBe(0);
        }
    }

    /// <summary>The program as it lies in a clone, built, and the samples.</summary>
    private void LayOut()
    {
        string program = _folder["tributary"];
        File.WriteAllText(program, $"#!/bin/sh\nexec dotnet {TributaryProgram.Assembly} \"$@\"\n");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        }

        Directory.CreateSymbolicLink(_folder["samples"], Path.Combine(Repository.Root, "samples"));
    }

    private static int FreePort()
    {
        using var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        return ((IPEndPoint)free.LocalEndpoint).Port;
    }

    [GeneratedRegex("^```sh(?: in its own terminal, until it says \"(?<until>[^\"]+)\")?\\n(?<commands>.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Blocks();

    [GeneratedRegex("^export .*$", RegexOptions.Multiline, 1000)]
    private static partial Regex Exports();
}
