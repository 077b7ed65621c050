using System.Threading.Channels;
using Tributary.Federation.Jobs;
using Tributary.Federation.Rounds;
using Tributary.Server;
using Tributary.TestKit;

namespace Tributary.Site.Tests.Harness;

/// <summary>A real server for sites a and b, with a model of two tensors.</summary>
internal sealed class TestServer : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly CancellationTokenSource _stop = new();

    private readonly MemorySource _initial;

    private TestServer(MemorySource? initial) => _initial = initial ?? new(MemorySource.F32("w", [3], 1, 2, 3), MemorySource.F32("b", [2], 0.5f, -0.5f));

    public TributaryServer Server { get; private set; } = null!;

    public static Job Job(params string[] sites) =>
        new() { Name = "demo", Sites = sites, Rounds = 1, Precision = new JobPrecision("fp32", "fp32") };

    public static async Task<TestServer> StartAsync(int port = 0, MemorySource? initial = null)
    {
        var server = new TestServer(initial);
        var options = new ServerOptions
        {
            Folder = server._folder["server"],
            Port = port,
            SiteByToken = new Dictionary<string, string> { ["token-of-a"] = "a", ["token-of-b"] = "b" },
        };
        server.Server = await TributaryServer.StartAsync(options, TimeProvider.System, static _ => { }, TestContext.Current.CancellationToken);
        return server;
    }

    public (Task<JobRecord> Job, ChannelReader<JobEvent> Events) Run(Job job)
    {
        var events = Channel.CreateUnbounded<JobEvent>();
        return (Server.RunJobAsync(job, _initial, happened => events.Writer.TryWrite(happened), _stop.Token), events.Reader);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Server.DisposeAsync();
        _stop.Dispose();
        _initial.Dispose();
        _folder.Dispose();
    }
}
