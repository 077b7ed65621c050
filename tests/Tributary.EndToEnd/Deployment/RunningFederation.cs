using System.Net;
using System.Net.Sockets;
using Tributary.Client;
using Tributary.Federation.Wire;
using Tributary.Provisioning;
using Tributary.TestKit;

namespace Tributary.EndToEnd.Deployment;

/// <summary>A server and the sites bank and clinic, each a process of the program with its kit, which can be killed and started again.</summary>
internal sealed class RunningFederation : IAsyncDisposable
{
    private const string Samples = "samples/quickstart";

    private readonly TempFolder _folder = new();
    private readonly Dictionary<string, Daemon> _running = new(StringComparer.Ordinal);
    private Kit _kit = null!;

    private RunningFederation()
    {
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>The server's interface as the administrator alice has it.</summary>
    public JobClient Admin { get; private set; } = null!;

    public string this[string name] => _folder[name];

    /// <summary>Provisions and starts everybody.</summary>
    /// <param name="change">What is changed in a kit before it starts, by the party's name and the kit's folder; null for nothing.</param>
    public static async Task<RunningFederation> StartAsync(Action<string, string>? change = null)
    {
        var federation = new RunningFederation();
        using var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        int port = ((IPEndPoint)free.LocalEndpoint).Port;
        free.Stop();
        await File.WriteAllTextAsync(federation["project.yaml"], $"name: test\nserver: {{ addresses: [localhost], port: {port} }}\nsites: [bank, clinic]\nadmins: [alice]\n", Cancel);
        ProgramResult made = await TributaryProgram.RunAsync(federation._folder.Path, Cancel, "provision", "project.yaml");
        made.ExitCode.ShouldBe(0, made.Error);
        foreach (string site in (string[])["bank", "clinic"])
        {
            // Enough to train for a second a round.
            await File.WriteAllLinesAsync(federation[$"{site}.jsonl"], File.ReadLines(Path.Combine(Repository.Root, Samples, "data", $"{site}.jsonl")).Take(60), Cancel);
        }

        foreach (string party in (string[])["server", "bank", "clinic"])
        {
            change?.Invoke(party, federation.KitOf(party));
            federation.StartAgain(party);
        }

        await federation._running["server"].UntilAsync("listens at", Cancel);
        federation._kit = Kit.Load(federation["kits/admins/alice"], PartyRole.Admin, TimeProvider.System);
        federation.Admin = new JobClient(federation._kit, AdminFile.Read(federation._kit), isInsecure: false, TimeProvider.System, new Random(1));
        return federation;
    }

    /// <summary>A job of two sites on the quickstart's model, submitted by the program.</summary>
    public async Task SubmitAsync(string name, int rounds)
    {
        string yaml = $"name: {name}\nmodel: {Path.Combine(Repository.Root, Samples, "model")}\nrounds: {rounds}\nsites: [bank, clinic]\nsite_timeout: 600\ntask_retries: 100\n"
            + "train: { sequence_length: 128, learning_rate: 0.002 }\n";
        await File.WriteAllTextAsync(_folder[$"{name}.yaml"], yaml, Cancel);
        ProgramResult submitted = await TributaryProgram.RunAsync(_folder.Path, Cancel, "job", "submit", $"{name}.yaml", "--kit", "kits/admins/alice");
        submitted.ExitCode.ShouldBe(0, submitted.Error);
    }

    /// <summary>SIGKILL, and at once a new process of the same party.</summary>
    public async Task KillAsync(string party)
    {
        await _running[party].DisposeAsync();
        StartAgain(party);
    }

    /// <summary>Asks again and again how a job stands, also while the server is away, until it stands so or has ended.</summary>
    public async Task<JobDocument> UntilAsync(string job, Func<JobDocument, bool> isThere)
    {
        while (true)
        {
            Cancel.ThrowIfCancellationRequested();
            try
            {
                JobDocument now = await Admin.GetAsync(job, Cancel);
                if (isThere(now) || now.Line.State >= JobState.Finished)
                {
                    return now;
                }
            }
            catch (Exception e) when (e is HttpRequestException or IOException or SocketException)
            {
                // It was killed, and comes back.
            }
        }
    }

    /// <summary>The bytes of a job's last model.</summary>
    public async Task<byte[]> ModelAsync(string job)
    {
        await Admin.DownloadModelAsync(job, best: false, _folder[$"{job}.safetensors"], progress: null, Cancel);
        return await File.ReadAllBytesAsync(_folder[$"{job}.safetensors"], Cancel);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (Daemon daemon in _running.Values)
        {
            await daemon.DisposeAsync();
        }

        Admin?.Dispose();
        _kit?.Dispose();
        _folder.Dispose();
    }

    private string KitOf(string party) => _folder[party == "server" ? "kits/server" : $"kits/sites/{party}"];

    private void StartAgain(string party) => _running[party] = party == "server"
        ? Daemon.Start(_folder.Path, "server", "start", "--kit", KitOf(party))
        : Daemon.Start(
            _folder.Path, "site", "start", "--kit", KitOf(party), "--data", _folder[$"{party}.jsonl"], "--model", Path.Combine(Repository.Root, Samples, "model"));
}
