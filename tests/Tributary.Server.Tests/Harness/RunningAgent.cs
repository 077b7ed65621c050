using Tributary.Federation.Tasks;
using Tributary.Site;

namespace Tributary.Server.Tests.Harness;

/// <summary>A site's agent at work, until it is stopped.</summary>
internal sealed class RunningAgent : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly SiteAgent _agent;

    public RunningAgent(string site, string folder, Uri server, Executor executor)
    {
        var options = new SiteOptions
        {
            Name = site,
            Folder = folder,
            Server = server,
            Token = TestServer.TokenOf(site),
            ProgressInterval = TimeSpan.FromMilliseconds(20),
        };
        _agent = new SiteAgent(options, executor, TimeProvider.System, new Random(1));
        Ended = _agent.RunAsync(_stop.Token);
    }

    public Task Ended { get; }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(Ended);
        _agent.Dispose();
        _stop.Dispose();
    }
}
