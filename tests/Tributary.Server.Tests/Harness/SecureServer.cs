using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;
using Tributary.Client;
using Tributary.Federation.Jobs;
using Tributary.Federation.Tasks;
using Tributary.Federation.Wire;
using Tributary.Provisioning;
using Tributary.Site;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Server.Tests.Harness;

/// <summary>A server with a kit, on a loopback port, with real TLS; and everybody else of its project.</summary>
internal sealed class SecureServer : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly List<IDisposable> _opened = [];
    private readonly string _party;

    private SecureServer(TestProject project, string party)
    {
        Project = project;
        _party = party;
    }

    public TestProject Project { get; }

    public TributaryServer Server { get; private set; } = null!;

    /// <summary>Where it listens, or did last.</summary>
    public Uri Address { get; private set; } = null!;

    /// <param name="project">The project; null for one of its own.</param>
    /// <param name="party">Whose kit the server shows.</param>
    public static async Task<SecureServer> StartAsync(TestProject? project = null, string party = "server/server")
    {
        var server = new SecureServer(project ?? new TestProject(), party);
        await server.ListenAsync(port: 0);
        return server;
    }

    public async Task RestartAsync(Func<ServerOptions, ServerOptions>? change = null)
    {
        int port = Address.Port;
        await Server.DisposeAsync();
        await ListenAsync(port, change);
    }

    /// <summary>A client with a party's certificate, or none, that checks the server as any program does that was given the CA.</summary>
    public HttpClient Client(Kit? kit, SslProtocols protocols = SslProtocols.None)
    {
        var handler = new SocketsHttpHandler
        {
            SslOptions = new SslClientAuthenticationOptions
            {
                CertificateChainPolicy = Kept(Project.Open("server/server", TimeProvider.System)).Trust.NewChainPolicy(PartyRole.Server),
                ClientCertificateContext = kit is null ? null : SslStreamCertificateContext.Create(kit.Certificate, additionalCertificates: null, offline: true),
                EnabledSslProtocols = protocols,
                CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
            },
        };
        return new HttpClient(handler) { BaseAddress = Address, Timeout = Timeout.InfiniteTimeSpan };
    }

    public HttpClient Client(string party) => Client(Kept(Project.Open(party, TimeProvider.System)));

    public ManualSite Site(string site) => new(Client($"site/{site}"));

    public RunningAgent Agent(
        string site, Executor executor, Uri? proxy = null, Uri? server = null, ILogger? logger = null, Func<SiteOptions, SiteOptions>? change = null, TimeProvider? time = null) =>
        new(site, SiteFolder(site), server ?? Address, executor, Kept(Project.Open($"site/{site}", TimeProvider.System)), proxy, logger, change, time);

    public string SiteFolder(string site) => _folder[$"site-{site}"];

    /// <summary>The server's interface as an administrator or viewer has it.</summary>
    public JobClient Admin(string party = "admin/alice")
    {
        Kit kit = Kept(Project.Open(party, TimeProvider.System));
        var client = new JobClient(kit, new AdminFile(Address, null), isInsecure: false, TimeProvider.System, new Random(1));
        _opened.Add(client);
        return client;
    }

    /// <summary>Submits a job as an administrator does, and gives it as it ended.</summary>
    public async Task<JobDocument> RunAsync(Job job, TensorSource initial)
    {
        JobClient admin = Admin();
        await admin.SubmitAsync(job, "model", initial, progress: null, TestContext.Current.CancellationToken);
        return await EndOfAsync(job.Name);
    }

    /// <summary>Waits until a job has ended.</summary>
    public Task<JobDocument> EndOfAsync(string job) => UntilAsync(job, now => now.Line.State >= JobState.Finished);

    /// <summary>Waits until a job stands as it should; looked at again after each of its events.</summary>
    public async Task<JobDocument> UntilAsync(string job, Func<JobDocument, bool> isThere)
    {
        JobClient admin = Admin();
        long after = 0;
        while (true)
        {
            JobDocument now = await admin.GetAsync(job, TestContext.Current.CancellationToken);
            if (isThere(now))
            {
                return now;
            }

            // Nothing more comes of a job that could not go on: whoever waits for it is told, and does not wait for ever.
            now.Line.State.ShouldNotBe(JobState.Failed, now.Line.Reason);

            after = (await admin.EventsAsync(job, after, TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken)) is [.., var last] ? last.Number : after;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        _opened.ForEach(kit => kit.Dispose());
        Project.Dispose();
        _folder.Dispose();
    }

    private Kit Kept(Kit kit)
    {
        _opened.Add(kit);
        return kit;
    }

    private async Task ListenAsync(int port, Func<ServerOptions, ServerOptions>? change = null)
    {
        Kit kit = Kept(Kit.Load(Project.Folder(_party), role: null, TimeProvider.System));
        var options = new ServerOptions { Folder = _folder["server"], Port = port, Address = IPAddress.Loopback, Kit = kit };
        Server = await TributaryServer.StartAsync(change?.Invoke(options) ?? options, TimeProvider.System, static _ => { }, TestContext.Current.CancellationToken);
        Address = Server.Address;
    }
}
