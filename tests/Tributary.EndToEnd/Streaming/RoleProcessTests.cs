using System.Diagnostics;
using System.Security.Cryptography;
using Tributary.Federation.Jobs;
using Tributary.Federation.Workflows;
using Tributary.Simulation.Experiments.Processes;
using Tributary.Simulation.Experiments.Roles;
using Tributary.TestKit;

namespace Tributary.EndToEnd.Streaming;

/// <summary>The processes of an experiment, one by one: they can be killed and started again, and none stays behind.</summary>
public sealed class RoleProcessTests : IDisposable
{
    private static readonly Job Rounds = new()
    {
        Name = "rounds", Sites = ["a"], Rounds = 2, Precision = new JobPrecision("nf4", "nf4"), Exchange = Exchange.Weights,
    };

    private readonly TempFolder _folder = new();

    public RoleProcessTests() => StreamingModel.Write(_folder["model"]);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_server_that_is_killed_and_started_again_on_its_folder_and_port_makes_the_same_model()
    {
        byte[] undisturbed = await RunAsync("undisturbed", killed: false);
        (await RunAsync("killed", killed: true)).ShouldBe(undisturbed);
    }

    [Fact]
    public async Task A_process_ends_when_whoever_started_it_is_gone()
    {
        // Its stdin closes, as the system closes it when the experiment's own process is killed.
        string[] arguments = [.. StreamingModel.Program.Arguments, .. RoleProcess.Verb, "site-1"];
        using Process process = Process.Start(new ProcessStartInfo(StreamingModel.Program.File, arguments)
        {
            UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        })!;
        await process.StandardInput.WriteLineAsync($$"""{"role":"site","name":"site-1","folder":"{{_folder["site"]}}","server":"http://127.0.0.1:9","token":"t"}""");
        (await process.StandardOutput.ReadLineAsync(Cancelled)).ShouldBe("""{"event":"ready","address":null}""");
        process.StandardInput.Close();
        await process.WaitForExitAsync(Cancelled);
        process.ExitCode.ShouldBe(0);
    }

    [Fact]
    public async Task A_process_whose_settings_are_wrong_says_so()
    {
        var settings = new ServerSettings(Rounds, false, _folder["nowhere"], _folder["server"], 0, new Dictionary<string, string>());
        await using RoleProcess server = RoleProcess.Start(StreamingModel.Program, "server", settings, null);
        JobFailedException failure = await Should.ThrowAsync<JobFailedException>(() => server.UntilAsync<RoleReady>(static _ => { }, Cancelled));
        failure.Message.ShouldContain("the process 'server' ended with exit code 2");
        failure.Message.ShouldContain(_folder["nowhere"]);
    }

    private async Task<byte[]> RunAsync(string name, bool killed)
    {
        var settings = new ServerSettings(Rounds, true, _folder["model"], _folder[name + "/server"], 0, new Dictionary<string, string> { ["token"] = "a" });
        RoleProcess server = RoleProcess.Start(StreamingModel.Program, "server", settings, null);
        try
        {
            Uri address = (await server.UntilAsync<RoleReady>(static _ => { }, Cancelled)).Address!;
            await using RoleProcess site = RoleProcess.Start(StreamingModel.Program, "a", new SiteSettings("a", _folder[name + "/a"], address, "token"), null);
            server.Begin();
            if (killed)
            {
                // In the second round, whose message the site is about to fetch; the model that it is made of may still be merged.
                await server.UntilAsync<MessageOffered>(static _ => { }, Cancelled);
                await server.UntilAsync<MessageOffered>(static _ => { }, Cancelled);
                server.Kill();
                (await Should.ThrowAsync<JobFailedException>(() => server.Ended)).Message.ShouldContain("was killed by signal 9");
                await server.DisposeAsync();
                server = RoleProcess.Start(StreamingModel.Program, "server", settings with { Port = address.Port }, null);
                server.Begin();
            }

            JobDone done = await server.UntilAsync<JobDone>(static _ => { }, Cancelled);
            done.Results.Select(result => (result.Round, result.Site)).ShouldBe([(1, "a"), (2, "a")]);
            (await site.EndAsync(Cancelled)).ShouldBeGreaterThan(0);
            (await server.EndAsync(Cancelled)).ShouldBeGreaterThan(0);
            return SHA256.HashData(await File.ReadAllBytesAsync(done.Model!, Cancelled));
        }
        finally
        {
            await server.DisposeAsync();
        }
    }
}
