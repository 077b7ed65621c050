using Tributary.Federation.Tasks;
using Tributary.TestKit;

namespace Tributary.Site.Tests.Harness;

/// <summary>A site's agent at work, until it is stopped.</summary>
internal sealed class RunningAgent : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly SiteAgent _agent;

    public RunningAgent(
        Uri server, Executor executor, string site = "a", TimeProvider? time = null, Random? jitter = null, string? folder = null, long? messageBytesMax = null)
    {
        Folder = folder ?? _folder["site"];
        var options = new SiteOptions
        {
            Name = site,
            Folder = Folder,
            Server = server,
            Token = $"token-of-{site}",
            ProgressInterval = TimeSpan.FromMilliseconds(20),
        };
        options = options with { MessageBytesMax = messageBytesMax ?? options.MessageBytesMax };
        _agent = new SiteAgent(options, executor, time ?? TimeProvider.System, jitter ?? new Random(1));
        Ended = _agent.RunAsync(_stop.Token);
    }

    public string Folder { get; }

    public Task Ended { get; }

    public async ValueTask DisposeAsync()
    {
        if (!Ended.IsFaulted)
        {
            await _stop.CancelAsync();
            await Should.ThrowAsync<OperationCanceledException>(Ended);
        }

        _agent.Dispose();
        _stop.Dispose();
        _folder.Dispose();
    }
}
