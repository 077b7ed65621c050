using System.Net.Http.Headers;
using System.Threading.Channels;
using Tributary.Federation.Jobs;
using Tributary.Federation.Rounds;
using Tributary.Federation.Tasks;
using Tributary.Federation.Workflows;
using Tributary.Site;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Server.Tests.Harness;

/// <summary>A server over a folder of its own, on a port of its own, that can be ended and started again on both.</summary>
internal sealed class TestServer : IAsyncDisposable
{
    private static readonly string[] Sites = ["a", "b", "c", "d", "e", "f"];

    private readonly TempFolder _folder = new();
    private readonly TimeProvider _time;
    private CancellationTokenSource _stop = new();

    private TestServer(TimeProvider time, string? folder)
    {
        _time = time;
        Folder = folder ?? _folder["server"];
    }

    public TributaryServer Server { get; private set; } = null!;

    public string Folder { get; }

    public string JournalPath => Path.Combine(Folder, "tributary.db");

    public static string TokenOf(string site) => $"token-of-{site}";

    /// <param name="time">The clock.</param>
    /// <param name="folder">The server's folder; null for one of its own.</param>
    public static async Task<TestServer> StartAsync(TimeProvider? time = null, string? folder = null)
    {
        var server = new TestServer(time ?? TimeProvider.System, folder);
        server.Server = await server.StartAsync(port: 0);
        return server;
    }

    public string SiteFolder(string site) => _folder[$"site-{site}"];

    /// <summary>Ends the server in the middle of what it does, and starts it again on the same folder and port.</summary>
    public async Task RestartAsync(Task job)
    {
        int port = Server.Address.Port;
        await Server.DisposeAsync();
        await _stop.CancelAsync();
        await Should.ThrowAsync<Exception>(job);
        _stop.Dispose();
        _stop = new CancellationTokenSource();
        Server = await StartAsync(port);
    }

    /// <summary>Runs a job; the events are there to be awaited.</summary>
    public (Task<JobRecord> Job, ChannelReader<JobEvent> Events) Run(Job job, TensorSource initial) => Run(job, Controllers.Create(job.Workflow), initial);

    /// <summary>Runs a job of a workflow that a test makes.</summary>
    public (Task<JobRecord> Job, ChannelReader<JobEvent> Events) Run(Job job, Controller workflow, TensorSource initial)
    {
        var events = Channel.CreateUnbounded<JobEvent>();
        Task<JobRecord> running = Server.RunJobAsync(job, workflow, initial, happened => events.Writer.TryWrite(happened), _stop.Token);

        // Who waits for an event that does not come is told when none can come any more.
        _ = running.ContinueWith(_ => events.Writer.TryComplete(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        return (running, events.Reader);
    }

    /// <summary>Runs a job and waits until its first step is open.</summary>
    public async Task<Task<JobRecord>> OpenAsync(Job job, TensorSource initial)
    {
        (Task<JobRecord> running, ChannelReader<JobEvent> events) = Run(job, initial);
        await events.UntilAsync<StepOpened>(_ => true);
        return running;
    }

    public RunningAgent Agent(string site, Executor executor, string? folder = null, Func<SiteOptions, SiteOptions>? change = null) =>
        new(site, folder ?? SiteFolder(site), Server.Address, executor, change: options => change?.Invoke(SiteKeys.Give(options)) ?? SiteKeys.Give(options));

    public HttpClient Client(string? token = null)
    {
        var client = new HttpClient { BaseAddress = Server.Address, Timeout = Timeout.InfiniteTimeSpan };
        client.DefaultRequestHeaders.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        return client;
    }

    public ManualSite Site(string site) => new(Client(TokenOf(site)));

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Server.DisposeAsync();
        _stop.Dispose();
        _folder.Dispose();
    }

    private Task<TributaryServer> StartAsync(int port)
    {
        var options = new ServerOptions { Folder = Folder, Port = port, SiteByToken = Sites.ToDictionary(TokenOf), Verify = SiteKeys.Verify };
        return TributaryServer.StartAsync(options, _time, static _ => { }, TestContext.Current.CancellationToken);
    }
}

/// <summary>Waiting for what happens in a job.</summary>
internal static class JobEvents
{
    /// <summary>Reads events until one fits.</summary>
    public static async Task<T> UntilAsync<T>(this ChannelReader<JobEvent> events, Func<T, bool> fits)
        where T : JobEvent
    {
        await foreach (JobEvent happened in events.ReadAllAsync(TestContext.Current.CancellationToken))
        {
            if (happened is T wanted && fits(wanted))
            {
                return wanted;
            }
        }

        throw new InvalidOperationException("the events ended");
    }
}
