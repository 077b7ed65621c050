using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Tributary.Federation.Tasks;
using Tributary.Provisioning;
using Tributary.Site;

namespace Tributary.Server.Tests.Harness;

/// <summary>A site's agent at work, until it is stopped.</summary>
internal sealed class RunningAgent : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly SiteAgent _agent;

    public RunningAgent(string site, string folder, Uri server, Executor executor, Kit? kit = null, Uri? proxy = null, ILogger? logger = null,
        Func<SiteOptions, SiteOptions>? change = null, TimeProvider? time = null)
    {
        var options = new SiteOptions
        {
            Name = site,
            Folder = folder,
            Server = server,
            Token = kit is null ? TestServer.TokenOf(site) : null,
            Kit = kit,
            Proxy = proxy,
            Logger = logger ?? NullLogger.Instance,
            ProgressInterval = TimeSpan.FromMilliseconds(20),
        };
        _agent = new SiteAgent(change?.Invoke(options) ?? options, executor, time ?? TimeProvider.System, new Random(1));
        Ended = _agent.RunAsync(_stop.Token);
    }

    public Task Ended { get; }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        if (!Ended.IsFaulted)
        {
            await Should.ThrowAsync<OperationCanceledException>(Ended);
        }

        _agent.Dispose();
        _stop.Dispose();
    }
}
