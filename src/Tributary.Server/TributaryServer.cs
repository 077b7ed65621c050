using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Tributary.Configuration;
using Tributary.Federation.Jobs;
using Tributary.Federation.Rounds;
using Tributary.Federation.Wire;
using Tributary.Federation.Workflows;
using Tributary.Provisioning;
using Tributary.Server.Audit;
using Tributary.Server.Dashboard;
using Tributary.Server.Endpoints;
using Tributary.Server.Health;
using Tributary.Server.Identity;
using Tributary.Server.Jobs;
using Tributary.Server.Queue;
using Tributary.Server.Storage;
using Tributary.Server.Telemetry;
using Tributary.Tensors;
using Tributary.Transport;

namespace Tributary.Server;

/// <summary>The coordinator: hands tasks and objects to sites over HTTP/1.1, takes their results, and runs jobs.</summary>
public sealed class TributaryServer : IAsyncDisposable
{
    private readonly WebApplication _application;
    private readonly FolderLock _folder;
    private readonly ConcurrentDictionary<string, JobRun> _running = new(StringComparer.Ordinal);
    private readonly TimeProvider _time;
    // Jobs that ended without a word in the journal, as where its disk is full.
    private readonly ConcurrentDictionary<string, bool> _ended = new(StringComparer.Ordinal);
    private readonly Signal _stepOpened = new();
    private readonly CancellationTokenSource _ending = new();

    // Ends of the jobs that run now. They need the journal until then.
    private readonly ConcurrentDictionary<Task, bool> _jobs = new();
    private bool _isDisposed;
    private readonly Readiness _readiness;
    private HealthListener? _health;

    private TributaryServer(ServerOptions options, FolderLock folder, Journal journal, TimeProvider time, Action<ILoggingBuilder> logging)
    {
        Options = options;
        _folder = folder;
        _time = time;
        Journal = journal;
        _readiness = new Readiness(options, journal, () => Running);

        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            Listen(kestrel, options);
        });
        builder.Services.AddLargeBlocks();
        builder.Services.AddRoutingCore();
        builder.Services.AddProblemDetails();
        if (options.RequestsPerSecond is { } perSecond)
        {
            RequestLimits.Add(builder.Services, perSecond);
        }

        logging(builder.Logging);
        _application = builder.Build();
        _application.UseExceptionHandler();
        _application.UseStatusCodePages();
        _application.UseRouting();
        VersionCheck.Use(_application);
        if (options.Kit is { } kit)
        {
            SiteIdentity.UseCertificates(_application, kit.Trust, _application.Services.GetRequiredService<ILogger<TributaryServer>>());
        }
        else
        {
            SiteIdentity.UseTokens(_application, options);
        }

        if (options.RequestsPerSecond is not null)
        {
            _application.UseRateLimiter();
        }

        var presence = new SitePresence(time);
        presence.Use(_application);
        Action<Party, string> refused = (party, path) => Queue?.Audit.Add(party.ToString(), "refused", path);
        BrowserRules.Use(_application, refused);
        RouteRoles.Use(_application, refused);
        StepFaults.Use(_application, this);
        InitialModelEndpoints.Use(_application);
        RouteGroupBuilder sites = _application.MapGroup(string.Empty).ForRoles(PartyRole.Site);
        TaskEndpoints.Map(sites, this, time);
        ObjectEndpoints.Map(sites, this, time);
        UploadEndpoints.Map(sites, this, time);
        RouteGroupBuilder everybody = _application.MapGroup(string.Empty).ForRoles(Enum.GetValues<PartyRole>());
        HealthEndpoints.Map(everybody, _readiness);
        ApiDocument.Map(everybody, () => Endpoints);
        if (options.Trust is { } trust)
        {
            ILogger logger = _application.Services.GetRequiredService<ILogger<TributaryServer>>();
            Queue = new JobQueue(
                this, new Submissions(journal.Database, time), new EventLog(journal.Database, time), new AuditLog(options.Folder, time, logger), new InitialModels(options.Folder), presence, time, logger);
            JobEndpoints.Map(_application, this, Queue, trust, time);
            DashboardEndpoints.Map(_application);
            InitialModelEndpoints.Map(_application.MapGroup(string.Empty).ForRoles(PartyRole.Admin), Queue, options, time);
        }
    }

    /// <summary>Where it listens.</summary>
    public Uri Address => new(_application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());

    internal ServerOptions Options { get; }

    internal Journal Journal { get; }

    /// <summary>The jobs that were submitted; null where it takes none.</summary>
    internal JobQueue? Queue { get; }

    /// <summary>Who acts where the server does.</summary>
    internal string Name => Options.Kit?.Party.ToString() ?? "server";

    internal Task StepOpened => _stepOpened.Next;

    internal IEnumerable<JobRun> Running => _running.Values;

    /// <summary>Starts a server.</summary>
    /// <param name="options">How it runs.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logging">Where it logs to.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    /// <exception cref="IOException">The port is in use, or the folder is in use by another server or cannot be written.</exception>
    public static async Task<TributaryServer> StartAsync(ServerOptions options, TimeProvider time, Action<ILoggingBuilder> logging, CancellationToken cancellationToken)
    {
        TributaryServer server = Make(options, time, logging);
        try
        {
            await server._application.StartAsync(cancellationToken);
            server._health = options.HealthPort is { } port ? await HealthListener.StartAsync(port, server._readiness, logging, cancellationToken) : null;
            server.Queue?.Start();
            return server;
        }
        catch (IOException e) when (e.InnerException is AddressInUseException)
        {
            await server.DisposeAsync();
            throw new IOException($"port {options.Port} is in use; choose another one, or 0 for any that is free", e);
        }
        catch (SocketException e)
        {
            await server.DisposeAsync();
            throw new IOException($"cannot listen on {options.Address?.ToString() ?? "any address"}, port {options.Port}: {e.Message}; see 'address' and 'port' in server.yaml", e);
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// Runs a job to its end. A job of that name that was cut short in this folder goes on where it was.
    /// </summary>
    /// <param name="job">The job.</param>
    /// <param name="initial">The weights it starts from; read until the job ends.</param>
    /// <param name="report">Told what happens, from several threads.</param>
    /// <param name="cancellationToken">Ends the job; it can be gone on with later.</param>
    /// <exception cref="ArgumentException">The name of the job or of a site is none, see <see cref="JobName"/>.</exception>
    /// <exception cref="JobFailedException">The job cannot go on; the message names the site or file.</exception>
    public Task<JobRecord> RunJobAsync(Job job, TensorSource initial, Action<JobEvent> report, CancellationToken cancellationToken) =>
        RunJobAsync(job, Controllers.Create(job.Workflow), initial, report, cancellationToken);

    /// <summary>
    /// Runs a job of a workflow of one's own to its end. A job of that name that was cut short in this folder goes on where it was.
    /// </summary>
    /// <param name="job">The job; its <see cref="Job.Workflow"/> only names the controller for people.</param>
    /// <param name="controller">The workflow.</param>
    /// <param name="initial">The weights it starts from; read until the job ends.</param>
    /// <param name="report">Told what happens, from several threads.</param>
    /// <param name="cancellationToken">Ends the job; it can be gone on with later.</param>
    /// <exception cref="ArgumentException">The name of the job or of a site is none, see <see cref="JobName"/>.</exception>
    /// <exception cref="JobFailedException">The job cannot go on; the message names the site or file.</exception>
    public Task<JobRecord> RunJobAsync(Job job, Controller controller, TensorSource initial, Action<JobEvent> report, CancellationToken cancellationToken) =>
        RunJobAsync(job, signed: null, controller, initial, report, cancellationToken);

    /// <summary>The same, of a job that its submitter has signed.</summary>
    internal async Task<JobRecord> RunJobAsync(
        Job job, SignedJobDocument? signed, Controller controller, TensorSource initial, Action<JobEvent> report, CancellationToken cancellationToken)
    {
        if (job.Sites.Prepend(job.Name).Select(JobName.Refuse).FirstOrDefault(reason => reason is not null) is { } unfit)
        {
            throw new ArgumentException(unfit, nameof(job));
        }

        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _jobs[ended.Task] = true;
        try
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _ending.Token);
            return await RunAsync(job, signed, controller, initial, report, either.Token);
        }
        finally
        {
            _jobs.TryRemove(ended.Task, out _);
            ended.SetResult();
        }
    }

    /// <summary>Ends the jobs that run, which can be gone on with later, and waits for them.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_isDisposed)
        {
            return;
        }

        _isDisposed = true;
        await (_health?.DisposeAsync() ?? ValueTask.CompletedTask);
        if (Queue is not null)
        {
            await Queue.DisposeAsync();
        }

        await _application.DisposeAsync();
        await _ending.CancelAsync();
        await Task.WhenAll(_jobs.Keys);
        _ending.Dispose();
        Journal.Dispose();
        _folder.Dispose();
    }

    /// <summary>Whether a step waits for results, of a job that this server has not gone on with yet.</summary>
    internal bool IsStepAhead(string job, int round, int step) => Find(job)?.Steps.Open is null or { Count: 0 } && !_ended.ContainsKey(job) && Journal.IsStepOpen(job, round, step);

    /// <summary>Every address it answers at.</summary>
    internal IEnumerable<RouteEndpoint> Endpoints => _application.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>();

    internal JobRun? Find(string job) => _running.GetValueOrDefault(job);

    internal JobFolder FolderOf(string job) => new(Options.Folder, job);

    private async Task<JobRecord> RunAsync(
        Job job, SignedJobDocument? signed, Controller controller, TensorSource initial, Action<JobEvent> report, CancellationToken cancellationToken)
    {
        Journal.AddJob(job);
        _ended.TryRemove(job.Name, out _);
        var folder = new JobFolder(Options.Folder, job.Name);
        await using var run = new JobRun(job, initial, folder, Journal, _time, Report, _stepOpened.Set) { Signed = signed, Verify = Options.Verify };
        if (!_running.TryAdd(job.Name, run))
        {
            throw new InvalidOperationException($"job '{job.Name}' is running already");
        }

        ServerTelemetry.CountJob(+1);
        try
        {
            await controller.RunAsync(run, cancellationToken);
            await run.Merged;
            Journal.EndJob(job.Name, failure: null);
            return JobRecord.Read(Journal, folder, job) with { EndedEarly = run.EndedEarly, Epsilons = run.Epsilons };
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            NoteFailure(job, e.Message);
            throw;
        }
        finally
        {
            _running.TryRemove(job.Name, out _);
            ServerTelemetry.CountJob(-1);
        }

        void Report(JobEvent happened)
        {
            ServerTelemetry.Observe(job, happened);
            report(happened);
        }
    }

    private static void Listen(KestrelServerOptions kestrel, ServerOptions options)
    {
        if (options.Kit is not { } kit)
        {
            kestrel.Listen(IPAddress.Loopback, options.Port, listen => listen.Protocols = HttpProtocols.Http1);
            return;
        }

        var tls = new ServerTls(kit, kestrel.ApplicationServices.GetRequiredService<ILogger<ServerTls>>());
        Action<ListenOptions> configure = listen =>
        {
            listen.Protocols = HttpProtocols.Http1;
            tls.Use(listen);
        };
        if (options.Address is { } address)
        {
            kestrel.Listen(address, options.Port, configure);
        }
        else
        {
            kestrel.ListenAnyIP(options.Port, configure);
        }
    }

    private static TributaryServer Make(ServerOptions options, TimeProvider time, Action<ILoggingBuilder> logging)
    {
        var folder = FolderLock.Take(options.Folder, "server");
        Journal? journal = null;
        try
        {
            journal = new Journal(Path.Combine(options.Folder, "tributary.db"), time);
            return new TributaryServer(options, folder, journal, time, logging);
        }
        catch
        {
            journal?.Dispose();
            folder.Dispose();
            throw;
        }
    }

    /// <summary>The journal may be what failed. Why the job ended is told all the same, and its sites are not kept waiting.</summary>
    private void NoteFailure(Job job, string reason)
    {
        try
        {
            Journal.EndJob(job.Name, reason);
        }
        catch (Exception e) when (e is SqliteException or IOException)
        {
            _ended[job.Name] = true;
        }
    }
}
