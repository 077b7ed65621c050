using System.Net;
using System.Net.Sockets;
using Tributary.TestKit;

namespace Tributary.EndToEnd.Deployment;

/// <summary>A project with kits for a server, the sites clinic and bank with the quickstart's records, and an administrator.</summary>
internal sealed class DeployedProject : IDisposable
{
    private static readonly string Quickstart = Path.Combine(Repository.Root, "samples", "quickstart");

    private readonly TempFolder _folder = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public string Folder => _folder.Path;

    public string this[string name] => _folder[name];

    public static async Task<DeployedProject> ProvisionAsync(string serverYaml)
    {
        var project = new DeployedProject();
        await File.WriteAllTextAsync(project["project.yaml"], $"name: test\nserver: {{ addresses: [localhost], port: {FreePort()} }}\nsites: [clinic, bank]\nadmins: [alice]\n", Cancel);
        await project.RequireAsync("provision", "project.yaml");
        await File.AppendAllTextAsync(project["kits/server/server.yaml"], serverYaml + "\n", Cancel);
        foreach (string site in new[] { "clinic", "bank" })
        {
            string yaml = $"data: {Path.Combine(Quickstart, "data", site + ".jsonl")}\nmodel: {Path.Combine(Quickstart, "model")}\n";
            await File.AppendAllTextAsync(project[$"kits/sites/{site}/site.yaml"], yaml, Cancel);
        }

        return project;
    }

    public Daemon StartServer() => Daemon.Start(_folder.Path, "server", "start", "--kit", "kits/server");

    public Daemon StartSite(string site, params (string Name, string Value)[] environment) => Daemon.Start(_folder.Path, environment, "site", "start", "--kit", $"kits/sites/{site}");

    /// <summary>Submits a job of the quickstart's kind, for both sites.</summary>
    public async Task SubmitAsync(int rounds)
    {
        await File.WriteAllTextAsync(this["job.yaml"], $$"""
            name: demo
            rounds: {{rounds}}
            precision: nf4
            held_out: 0.5
            sites: [bank, clinic]
            train: { epochs: 1, batch_size: 8, sequence_length: 96, learning_rate: 0.002 }
            """, Cancel);
        await RequireAsync("job", "submit", "job.yaml", "--kit", "kits/admins/alice", "--model", Path.Combine(Quickstart, "model"));
    }

    /// <summary>Waits until the job has ended well.</summary>
    public Task WatchAsync() => RequireAsync("job", "watch", "demo", "--kit", "kits/admins/alice");

    public static int FreePort()
    {
        using var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        return ((IPEndPoint)free.LocalEndpoint).Port;
    }

    public void Dispose() => _folder.Dispose();

    private async Task RequireAsync(params string[] arguments)
    {
        ProgramResult ran = await TributaryProgram.RunAsync(_folder.Path, Cancel, arguments);
        ran.ExitCode.ShouldBe(0, ran.Error);
    }
}
