using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Tributary.TestKit;

namespace Tributary.EndToEnd.Deployment;

/// <summary>A clinic that wants to say yes to every job, with nothing but the commands of its docs.</summary>
public sealed class ApprovalTests : IDisposable
{
    private static readonly string Quickstart = Path.Combine(Repository.Root, "samples", "quickstart");

    private readonly TempFolder _folder = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_job_waits_at_the_site_until_somebody_there_approves_it_and_one_that_is_refused_ends_with_the_reason()
    {
        await LayOutAsync();
        await using Daemon server = Daemon.Start(_folder.Path, "server", "start", "--kit", "kits/server");
        await using Daemon site = Daemon.Start(_folder.Path, "site", "start", "--kit", "kits/sites/a");
        await site.UntilAsync("site a is connected", Cancel);
        (await RunAsync("site jobs --kit kits/sites/a")).ShouldContain("no job has come");

        JsonElement submitted = await DocumentAsync("job submit job.yaml --kit kits/admins/alice --json");
        string digest = submitted.GetProperty("digest").GetString()!;
        (await site.UntilAsync("waits for a person's approval", Cancel)).ShouldContain(digest);
        (await RunAsync("site jobs --kit kits/sites/a")).ShouldContain($"digest     {digest}");
        JsonElement asked = (await DocumentAsync("site jobs --kit kits/sites/a --json")).EnumerateArray().ShouldHaveSingleItem();
        (asked.GetProperty("state").GetString(), asked.GetProperty("name").GetString(), asked.GetProperty("submitter").GetString()).ShouldBe(("waiting", "demo", "admin/alice"));
        asked.GetProperty("job").GetProperty("rounds").GetInt32().ShouldBe(1);

        // Also over a restart of the site nothing begins by itself.
        (await site.EndAsync(Cancel)).ShouldBe(0);
        await using Daemon again = Daemon.Start(_folder.Path, "site", "start", "--kit", "kits/sites/a");
        await again.UntilAsync("does not begin yet: a person at the site has to approve the job", Cancel);
        (await RunAsync($"site approve {digest["sha256:".Length..][..12]} --kit kits/sites/a")).ShouldStartWith("approved by ");
        await again.UntilAsync("is done, and the server has its result", Cancel);
        (await RunAsync("job watch demo --kit kits/admins/alice")).ShouldContain("finished");

        JsonElement second = await DocumentAsync("job submit job.yaml --name second --kit kits/admins/alice --json");
        await again.UntilAsync("waits for a person's approval", Cancel);
        JsonElement refused = await DocumentAsync($"site refuse {second.GetProperty("digest").GetString()} --reason withdrawn --kit kits/sites/a --json");
        (refused.GetProperty("state").GetString(), refused.GetProperty("answer").GetProperty("reason").GetString()).ShouldBe(("refused", "withdrawn"));
        ProgramResult watched = await TributaryProgram.RunAsync(_folder.Path, Cancel, "job watch second --kit kits/admins/alice".Split(' '));
        watched.ExitCode.ShouldBe(1);
        watched.Output.ShouldContain("job 'second' was refused at site 'a': withdrawn");
        (await RunAsync("job logs second --kit kits/admins/alice")).ShouldContain("a: it does not do its task: job 'second' was refused at site 'a': withdrawn");
    }

    [Theory]
    [InlineData("site approve 4f2a --kit kits/sites/a", "'4f2a' is too short to name a job")]
    [InlineData("site refuse sha256:4f2a9c01d7be --kit kits/sites/a", "no job with the digest sha256:4f2a9c01d7be has come to this site")]
    [InlineData("site jobs --kit kits/server", "one of a site is needed here")]
    public async Task What_cannot_be_answered_is_said_in_one_line(string command, string says)
    {
        await LayOutAsync();
        ProgramResult result = await TributaryProgram.RunAsync(_folder.Path, Cancel, command.Split(' '));
        (result.ExitCode, result.Error.Trim().Split('\n').Length).ShouldBe((2, 1), result.Error);
        result.Error.ShouldContain(says);
    }

    private async Task LayOutAsync()
    {
        using var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        int port = ((IPEndPoint)free.LocalEndpoint).Port;
        free.Stop();
        await File.WriteAllTextAsync(_folder["project.yaml"], TestProject.Yaml.Replace("server: {", $"server: {{ port: {port},", StringComparison.Ordinal), Cancel);
        await RunAsync("provision project.yaml");
        string[] records = await File.ReadAllLinesAsync(Path.Combine(Quickstart, "data", "clinic.jsonl"), Cancel);
        await File.WriteAllLinesAsync(_folder["kits/sites/a/records.jsonl"], records.Take(8), Cancel);
        await File.AppendAllTextAsync(_folder["kits/sites/a/site.yaml"], $"\ndata: records.jsonl\nmodel: {Path.Combine(Quickstart, "model")}\napproval: manual\n", Cancel);
        await File.WriteAllTextAsync(
            _folder["job.yaml"], $"name: demo\nmodel: {Path.Combine(Quickstart, "model")}\nrounds: 1\nheld_out: 0.25\nsites:\n  a: {{ data: a.jsonl }}\ntrain: {{ sequence_length: 128 }}\n", Cancel);
    }

    private async Task<string> RunAsync(string command)
    {
        ProgramResult result = await TributaryProgram.RunAsync(_folder.Path, Cancel, command.Split(' '));
        result.ExitCode.ShouldBe(0, $"{command}\n{result.Error}");
        return result.Output;
    }

    private async Task<JsonElement> DocumentAsync(string command) => JsonSerializer.Deserialize<JsonElement>(await RunAsync(command));
}
