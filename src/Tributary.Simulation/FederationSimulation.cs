using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Tributary.Federation.Filters;
using Tributary.Federation.Jobs;
using Tributary.Federation.Rounds;
using Tributary.Federation.Tasks;
using Tributary.Federation.Wire;
using Tributary.Federation.Workflows;
using Tributary.Server;
using Tributary.Server.TensorBoard;
using Tributary.Simulation.Reports;
using Tributary.Simulation.Sites;
using Tributary.Site;
using Tributary.Site.Processes;
using Tributary.Tensors;
using Tributary.Tensors.Checkpoints;
using Tributary.Training;
using Tributary.Transport;

namespace Tributary.Simulation;

/// <summary>
/// A federation in one process: a server and its sites, which talk over HTTP on loopback through the code of a deployment. A run that
/// was cut short goes on where it was when it is started again with the same job and output folder.
/// </summary>
public sealed class FederationSimulation : IDisposable
{
    private readonly SimulationOptions _options;
    private readonly SimulatedSites _sites;
    private readonly string _run;
    private readonly ExchangedModel _model;
    private readonly SortedDictionary<string, Executor> _executors;
    private readonly RunFolder _folder;
    private readonly TimeProvider _time;

    private FederationSimulation(
        SimulationOptions options, string run, SimulatedSites sites, ExchangedModel model, SortedDictionary<string, Executor> executors, TimeProvider time)
    {
        _options = options;
        _run = run;
        _sites = sites;
        _model = model;
        _executors = executors;
        _time = time;
        _folder = new RunFolder(options.OutFolder);
    }

    /// <summary>The job.</summary>
    public Job Job => _model.Job;

    /// <summary>The model it starts from: what travels.</summary>
    public ModelSummary Model => _model.Summary;

    /// <summary>How many sites work at once.</summary>
    public int Parallel => ParallelOf(_options);

    /// <summary>The fewest and the most records of a virtual site; null where each site has a file of its own.</summary>
    public (int Least, int Most)? RecordsShared => _sites.Records is null
        ? null
        : (Job.Sites.Min(site => _sites.ShareOf(site)!.Count), Job.Sites.Max(site => _sites.ShareOf(site)!.Count));

    /// <summary>Whether a run may use its output folder: it is new, or holds the same run, cut short.</summary>
    public static bool MayRun(SimulationOptions options) => RunFolder.Refuse(options.OutFolder, Describe(options)) is null;

    /// <summary>Checks everything that can be checked before work begins, and reads the sites' records.</summary>
    /// <exception cref="UsageException">Model, data or output folder cannot be used; the message names file and line.</exception>
    public static FederationSimulation Prepare(SimulationOptions options, TimeProvider time)
    {
        string run = Describe(options);
        if (RunFolder.Refuse(options.OutFolder, run) is { } reason)
        {
            throw new UsageException(reason);
        }

        if (options.File.Job.Refuse() is { } ruinous)
        {
            throw new UsageException(ruinous);
        }

        SimulatedSites sites = SimulatedSites.Of(options);
        options = options with { File = sites.JobFile };
        ExchangedModel? model = null;
        var executors = new SortedDictionary<string, Executor>(StringComparer.Ordinal);
        try
        {
            FilterPipeline.Check(options.File.Job.Precision);
            foreach (JobFileSite site in options.File.Sites.Where(_ => options.File.Job.Precision.Ring is null))
            {
                _ = FilterPipeline.For(FilterPoint.TaskResultOut, options.File.Job.Precision, FiltersOf(options, site.Name));
            }

            model = ExchangedModel.Open(
                options.ModelFolder, options.File.Job, options.File.Job.Train.Trainer == TrainerOffer.Builtin && options.Executors is null, holdsBase: true);
            var trainers = new SiteTrainers(options, sites, model, ParallelOf(options), time);
            foreach (JobFileSite site in options.File.Sites)
            {
                executors.Add(site.Name, options.Executors?.Invoke(site) ?? trainers.Make(site));
            }

            return new FederationSimulation(options, run, sites, model, executors, time);
        }
        catch (Exception e)
        {
            Release(model, executors);
            if (e is TensorFormatException or FileNotFoundException or ModelFormatException or TrainingDataException or FilterMismatchException)
            {
                throw new UsageException(e.Message, e);
            }

            throw;
        }
    }

    /// <summary>Runs the job to its end and writes what comes of it.</summary>
    /// <param name="report">Told what happens, from several threads.</param>
    /// <param name="cancellationToken">Ends the run; it can be gone on with later.</param>
    /// <exception cref="JobFailedException">The job cannot go on; the message names the site or file.</exception>
    /// <exception cref="IOException">The port is in use, or a file cannot be written.</exception>
    public async Task<RunSummary> RunAsync(Action<JobEvent> report, CancellationToken cancellationToken)
    {
        _folder.Begin(_run);
        WriteShares();
        DateTimeOffset started = _time.GetUtcNow();
        long start = Stopwatch.GetTimestamp();
        using var metrics = new MetricsFile(_folder.Metrics, _time);
        using var curves = new TensorBoardLog(_folder.TensorBoard, _time);
        JobRecord record = await RunJobAsync(
            happened =>
            {
                metrics.Write(happened);
                curves.Write(happened);
                report(happened);
            },
            cancellationToken);
        RunFolder.Export(_folder.Model, target => _model.Export(record.LastModel, _folder.InitialAdapters, target, cancellationToken));
        RunFolder.Export(_folder.BestModel, target => _model.Export(record.BestModel, _folder.InitialAdapters, target, cancellationToken));

        var paths = new RunPaths(_folder.Report, _folder.Metrics, _folder.Model, _folder.BestModel);
        RunSummary summary = Summary.Of(_model, record, started, Stopwatch.GetElapsedTime(start).TotalSeconds, ProcessMemory.PeakBytes(), paths);
        ReportWriter.Write(summary, _folder.Report);
        _folder.Finish(summary);
        return summary;
    }

    /// <inheritdoc/>
    public void Dispose() => Release(_model, _executors);

    /// <summary>What a run is: two runs that say the same are the same run.</summary>
    private static string Describe(SimulationOptions options) => JsonSerializer.Serialize(new
    {
        job = JsonSerializer.SerializeToElement(options.File.Job, WireJson.Default.Job),
        model = Directory.Exists(options.ModelFolder) ? Directory.GetFiles(options.ModelFolder).Order(StringComparer.Ordinal).Select(Fingerprint) : [],
        shared = options.File.Virtual is { } made ? new { made, data = Fingerprint(Path.Combine(options.DataFolder, made.Data)) } : null,
        sites = options.File.Virtual is not null ? [] : options.File.Sites.Select(site => new
        {
            site.Name,
            site.Records,
            data = Fingerprint(Path.Combine(options.DataFolder, site.Data)),
            heldOut = site.HeldOut is { } heldOut ? Fingerprint(Path.Combine(options.DataFolder, heldOut)) : null,
        }),
    });

    /// <summary>A file's path, length and time: enough to notice that it was changed between two sessions of a run.</summary>
    private static string Fingerprint(string path)
    {
        var file = new FileInfo(path);
        return file.Exists ? $"{file.FullName} {file.Length} {file.LastWriteTimeUtc:O}" : file.FullName;
    }

    private static int ParallelOf(SimulationOptions options)
    {
        int sites = options.File.Sites.Count;
        return Math.Min(sites, options.Parallel ?? (options.File.Virtual is null ? sites : Environment.ProcessorCount));
    }

    private void WriteShares()
    {
        if (_sites.Records is null)
        {
            return;
        }

        _sites.WriteTable(_folder.Sites);
        foreach (string site in _executors.Where(executor => executor.Value is ProcessTrainer).Select(executor => executor.Key))
        {
            _sites.WriteShare(site, RunFolder.TrainerRecords(_options.OutFolder, site));
        }
    }

    private static void Release(ExchangedModel? model, SortedDictionary<string, Executor> executors)
    {
        foreach (Executor executor in executors.Values)
        {
            executor.Dispose();
        }

        model?.Dispose();
    }

    private static IReadOnlyList<Filter> FiltersOf(SimulationOptions options, string site) =>
        options.File.Sites.FirstOrDefault(file => file.Name == site) is { } file ? options.ResultFilters?.Invoke(file) ?? [] : [];

    private async Task<JobRecord> RunJobAsync(Action<JobEvent> report, CancellationToken cancellationToken)
    {
        var tokens = _executors.Keys.ToDictionary(_ => RandomNumberGenerator.GetHexString(32, lowercase: true), site => site, StringComparer.Ordinal);
        using var signatures = new SimulatedSignatures(_executors.Keys, _folder.Site);
        var serverOptions = new ServerOptions { Folder = _folder.Server, Port = _options.Port, SiteByToken = tokens, Verify = signatures.Verify };
        await using TributaryServer server = await TributaryServer.StartAsync(serverOptions, _time, static _ => { }, cancellationToken);

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using SemaphoreSlim? turns = Parallel < _executors.Count ? new SemaphoreSlim(Parallel) : null;
        Controller controller = _options.Workflow?.Invoke(Job) ?? Controllers.Create(Job.Workflow);
        Task<JobRecord> job = server.RunJobAsync(Job, controller, _model.Initial(_folder.InitialAdapters, cancellationToken), report, stop.Token);
        Task[] agents = [.. tokens.Select(token => RunAgentAsync(server.Address, token.Key, token.Value, turns, signatures, stop.Token))];
        try
        {
            Task ended = await Task.WhenAny([job, .. agents]);
            await ended;
            return await job;
        }
        finally
        {
            // Agents run until they are told to stop; and when one of them fell, the job has nothing more to wait for.
            await stop.CancelAsync();
            await Task.WhenAll([job, .. agents]).ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }
    }

    private async Task RunAgentAsync(Uri server, string token, string site, SemaphoreSlim? turns, SimulatedSignatures signatures, CancellationToken cancellationToken)
    {
        var options = new SiteOptions { Name = site, Folder = _folder.Site(site), Server = server, Token = token, Turns = turns, ResultFilters = FiltersOf(_options, site), Statements = signatures.Of(site) };
        using var agent = new SiteAgent(options, _executors[site], _time, new Random(BitConverter.ToInt32(SHA256.HashData(Encoding.UTF8.GetBytes(site)))));
        try
        {
            await agent.RunAsync(cancellationToken);
        }
        catch (Exception e) when (e is HttpRequestException or TransferException or IOException)
        {
            throw new JobFailedException($"site '{site}' stopped: {e.Message}", e);
        }
    }
}
