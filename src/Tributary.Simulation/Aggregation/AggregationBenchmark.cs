using Tributary.Federation.Jobs;
using Tributary.Federation.Tasks;
using Tributary.Federation.Workflows;
using Tributary.Simulation.Experiments;
using Tributary.Simulation.Experiments.Processes;
using Tributary.Simulation.Experiments.Roles;
using StreamingMode = Tributary.Federation.Jobs.Streaming;

namespace Tributary.Simulation.Aggregation;

/// <summary>
/// Whole rounds of federated averaging by the code and the processes of a deployment: the model goes to every site, comes back with noise of
/// its own, and the mean becomes the next one. Beside it, from the same run, what moving the same bytes takes at the least.
/// </summary>
public sealed class AggregationBenchmark
{
    private const int SitesMax = 1000;

    private readonly AggregationOptions _options;
    private readonly ExperimentModel _model;
    private readonly ProgramCommand _program;
    private readonly TimeProvider _time;
    private readonly string _folder;

    private AggregationBenchmark(AggregationOptions options, ExperimentModel model, ProgramCommand program, TimeProvider time)
    {
        _options = options;
        _model = model;
        _program = program;
        _time = time;
        _folder = Path.Combine(Path.GetFullPath(options.WorkFolder), $"tributary-aggregation-{Environment.ProcessId}");
        Setup = Describe();
    }

    /// <summary>What will be measured, where, and under which conditions.</summary>
    public AggregationSetup Setup { get; }

    /// <summary>Checks everything that can be checked before work begins.</summary>
    /// <param name="options">What is measured.</param>
    /// <param name="program">The program whose processes are measured.</param>
    /// <param name="time">The system's clock.</param>
    /// <exception cref="UsageException">Something that was given cannot be used, or the disk is too small.</exception>
    /// <exception cref="FileNotFoundException">There is no model.</exception>
    public static AggregationBenchmark Prepare(AggregationOptions options, ProgramCommand program, TimeProvider time)
    {
        UsageException.Require(OperatingSystem.IsLinux(), "the aggregation experiment needs Linux: it reads /proc and uses its tools dd and sync");
        UsageException.Require(options.Sites is >= 1 and <= SitesMax, $"the number of sites is {options.Sites}, but should be from 1 to {SitesMax}");
        UsageException.Require(options.Rounds >= 1, $"the number of rounds is {options.Rounds}, but should be at least 1");
        UsageException.Require(options.SleepSeconds >= 0, "the seconds of sleep should be 0 or more");
        UsageException.Require(options.SlowFactor > 0, "the slow site's factor should be above 0");
        UsageException.Require(Directory.Exists(options.WorkFolder), $"{options.WorkFolder}: there is no such folder to work in");
        var benchmark = new AggregationBenchmark(options, ExperimentModel.Open(options.Model), program, time);
        AggregationSetup setup = benchmark.Setup;
        UsageException.Require(
            setup.DiskFreeBytes >= setup.DiskNeededBytes,
            $"{setup.WorkFolder}: {setup.DiskNeededBytes >> 20} MiB are needed there, but only {setup.DiskFreeBytes >> 20} MiB are free; give another folder with more room, or fewer sites");
        return benchmark;
    }

    /// <summary>Measures.</summary>
    /// <param name="report">Told how far it has come, from several threads.</param>
    /// <param name="cancellationToken">Ends it; the processes are ended and what was written is removed.</param>
    /// <exception cref="JobFailedException">A process failed; the message names it and has what it said.</exception>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public async Task<AggregationReport> RunAsync(Action<ExperimentProgress> report, CancellationToken cancellationToken)
    {
        const int Steps = 2;
        report(new ExperimentProgress(1, Steps, "the machine's speeds", string.Empty, 0, null));
        long start = _time.GetTimestamp();
        MachineSpeeds speeds;
        using (MeasurementPlace place = await MeasurementPlace.PrepareAsync(_folder, _model, null, cancellationToken))
        {
            speeds = await new SpeedMeasurement(_model, _program, _time).MeasureAsync(place, cancellationToken);
        }

        report(new ExperimentProgress(1, Steps, "the machine's speeds", string.Empty, 0, _time.GetElapsedTime(start).TotalSeconds));
        using (MeasurementPlace place = await MeasurementPlace.PrepareAsync(_folder, _model, null, cancellationToken))
        {
            AggregationReport measured = await MeasureAsync(speeds, place, report, cancellationToken);
            report(new ExperimentProgress(2, Steps, What(_options.Rounds), string.Empty, 0, measured.JobSeconds));
            return measured;
        }
    }

    private string What(int round) => $"round {round} of {_options.Rounds}";

    private async Task<AggregationReport> MeasureAsync(MachineSpeeds speeds, MeasurementPlace place, Action<ExperimentProgress> report, CancellationToken cancellationToken)
    {
        var moved = new Dictionary<string, SiteMoved>(StringComparer.Ordinal);
        string[] names = FederatedProcesses.Names(_options.Sites);
        var processes = new FederatedProcesses(_program, _model, _time)
        {
            Settings = site => site with
            {
                Use = _options.Use,
                SleepSeconds = _options.SleepSeconds * (site.Name == names[0] ? _options.SlowFactor : 1),
            },
            Moved = site =>
            {
                moved[site.Site] = site;
                long bytes = moved.Values.Where(other => other.Phase == site.Phase && other.Round == site.Round).Sum(other => other.Done);
                report(new ExperimentProgress(2, 2, What(site.Round), site.Phase.ToString().ToLowerInvariant(), bytes, null));
            },
        };
        FederatedRecord record = await processes.RunAsync(JobOf(names), place, cancellationToken);
        ProcessPeak[] peaks = [new ProcessPeak("server", record.ServerPeakBytes), .. record.Sites.Select(site => new ProcessPeak(site.Name, site.PeakBytes))];
        return new AggregationReport(Setup, RoundFiguresReader.Read(_options, _model, record, speeds), peaks, speeds, record.Since(record.Done.At));
    }

    private Job JobOf(string[] sites) => new()
    {
        Name = "aggregation",
        Workflow = "aggregation",
        Sites = sites,
        Rounds = _options.Rounds,
        Precision = new JobPrecision(_options.Precision, _options.Precision),
        Exchange = _options.Exchange,
        Streaming = StreamingMode.File,
        SiteTimeout = TimeSpan.FromMinutes(5),
    };

    private AggregationSetup Describe()
    {
        var drive = new DriveInfo(_options.WorkFolder);
        return new AggregationSetup
        {
            Model = _model.Path,
            Tensors = _model.Tensors,
            Parameters = _model.Parameters,
            ModelBytes = _model.FileBytes,
            Sites = _options.Sites,
            Precision = _options.Precision,
            Exchange = _options.Exchange.ToString().ToLowerInvariant(),
            Use = _options.Use.ToString().ToLowerInvariant(),
            SleepSeconds = _options.SleepSeconds,
            SlowFactor = _options.SlowFactor,
            Rounds = _options.Rounds,
            WorkFolder = Path.GetFullPath(_options.WorkFolder),
            FileSystem = drive.DriveFormat,
            DiskNeededBytes = DiskBytes(),
            DiskFreeBytes = drive.AvailableFreeSpace,
            Cores = Environment.ProcessorCount,
            MemoryAvailableBytes = ProcessMemory.AvailableBytes(),
        };
    }

    /// <summary>The most that lies on the disk at once, beside the model itself.</summary>
    private long DiskBytes()
    {
        long model = _model.SizeIn("fp32").FileLength, message = _model.SizeIn(_options.Precision).FileLength;
        bool hasHeld = _options.Exchange == Exchange.Delta && _options.Rounds > 1;
        long ofSite = (2 * message) + (_options.Use == ModelUse.WriteOut ? model : 0) + (hasHeld ? model + message : 0);

        // Plain weights are sent from where they lie.
        bool isStored = _options.Exchange == Exchange.Weights && _options.Precision == "fp32";
        long ofServer = (isStored ? 0 : message) + (_options.Sites * message) + (_options.Rounds * model) + (hasHeld ? 2 * model : 0);
        return Math.Max((_options.Sites * ofSite) + ofServer, model) + ExperimentModel.SmallFilesBytes;
    }
}
