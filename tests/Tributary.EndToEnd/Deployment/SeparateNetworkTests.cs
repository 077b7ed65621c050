using Tributary.TestKit;

namespace Tributary.EndToEnd.Deployment;

/// <summary>Server and sites that share no network but one wire, as machines do.</summary>
public sealed class SeparateNetworkTests : IDisposable
{
    private const string Samples = "samples/quickstart";

    private readonly TempFolder _folder = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_job_runs_between_three_networks_and_nothing_of_it_needs_a_port_at_a_site()
    {
        (NetworkNamespaces? made, string? reason) = await NetworkNamespaces.TryMakeAsync(Cancel);
        Assert.SkipWhen(made is null && Environment.GetEnvironmentVariable("CI") != "true", reason ?? string.Empty);
        made.ShouldNotBeNull(reason);
        await using NetworkNamespaces networks = made;
        await File.WriteAllTextAsync(_folder["project.yaml"], $"name: wires\nserver: {{ addresses: [{NetworkNamespaces.ServerAddress}] }}\nsites: [bank, clinic]\nadmins: [alice]\n", Cancel);
        await File.WriteAllTextAsync(
            _folder["job.yaml"], $"name: wires\nmodel: {Path.Combine(Repository.Root, Samples, "model")}\nrounds: 2\nsites: [bank, clinic]\ntrain: {{ sequence_length: 192 }}\n", Cancel);
        (await TributaryProgram.RunAsync(_folder.Path, Cancel, "provision", "project.yaml")).ExitCode.ShouldBe(0);

        await using Daemon server = networks.Start(1, _folder.Path, "server", "start", "--kit", "kits/server");
        await server.UntilAsync("listens at", Cancel);
        await using Daemon bank = Site(networks, 2, "bank");
        await using Daemon clinic = Site(networks, 3, "clinic");
        await bank.UntilAsync($"connected to https://{NetworkNamespaces.ServerAddress}:8443/", Cancel);
        await clinic.UntilAsync("waits for tasks", Cancel);

        // The administrator is in a site's network, which reaches the server as any other.
        ProgramResult submitted = await networks.RunAsync(3, _folder.Path, Cancel, "job", "submit", "job.yaml", "--kit", "kits/admins/alice", "--watch");
        submitted.ExitCode.ShouldBe(0, submitted.Error);
        submitted.Output.ShouldContain("wires finished round 2 of 2");
        (await server.EndAsync(Cancel)).ShouldBe(0);
        (await bank.EndAsync(Cancel)).ShouldBe(0);
        (await clinic.EndAsync(Cancel)).ShouldBe(0);
    }

    private Daemon Site(NetworkNamespaces networks, int place, string site) => networks.Start(
        place, _folder.Path, "site", "start", "--kit", $"kits/sites/{site}", "--data", Path.Combine(Repository.Root, Samples, "data", $"{site}.jsonl"), "--model", Path.Combine(Repository.Root, Samples, "model"));
}
