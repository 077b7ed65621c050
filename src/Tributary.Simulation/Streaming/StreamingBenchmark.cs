using Tributary.Federation.Tasks;
using Tributary.Federation.Workflows;
using Tributary.Simulation.Experiments;
using Tributary.Simulation.Experiments.Processes;
using StreamingMode = Tributary.Federation.Jobs.Streaming;

namespace Tributary.Simulation.Streaming;

/// <summary>
/// The paper's streaming experiment (arXiv 2511.16450, table 3): a model is sent once from a server to its sites, in each streaming mode,
/// by the code and the processes of a deployment. Beside it, in the same session, the floors: what moving the bytes alone takes.
/// </summary>
public sealed class StreamingBenchmark
{
    private const int SitesMax = 64;

    private readonly StreamingOptions _options;
    private readonly ExperimentModel _model;
    private readonly ProgramCommand _program;
    private readonly TimeProvider _time;
    private readonly string _folder;

    private StreamingBenchmark(StreamingOptions options, ExperimentModel model, ProgramCommand program, TimeProvider time)
    {
        _options = options;
        _model = model;
        _program = program;
        _time = time;
        _folder = Path.Combine(Path.GetFullPath(options.WorkFolder), $"tributary-streaming-{Environment.ProcessId}");
        Setup = Describe();
    }

    /// <summary>What will be measured, where, and under which conditions.</summary>
    public StreamingSetup Setup { get; }

    /// <summary>Checks everything that can be checked before work begins.</summary>
    /// <param name="options">What is measured.</param>
    /// <param name="program">The program whose processes are measured.</param>
    /// <param name="time">The system's clock.</param>
    /// <exception cref="UsageException">Something that was given cannot be used, the disk is too small, or a memory limit cannot be set.</exception>
    /// <exception cref="FileNotFoundException">There is no model.</exception>
    public static StreamingBenchmark Prepare(StreamingOptions options, ProgramCommand program, TimeProvider time)
    {
        UsageException.Require(OperatingSystem.IsLinux(), "the streaming experiment needs Linux: it reads /proc and uses its tools cp, dd and sync");
        UsageException.Require(options.Sites is >= 1 and <= SitesMax, $"the number of sites is {options.Sites}, but should be from 1 to {SitesMax}");
        UsageException.Require(options.Runs >= 1, $"the number of runs is {options.Runs}, but should be at least 1");
        UsageException.Require(options.Streaming.Count > 0 && options.Precisions.Count > 0, "there is no streaming mode or no precision to measure");
        UsageException.Require(options.MemoryLimitBytes is null or > 0, "the memory limit should be above 0");
        UsageException.Require(Directory.Exists(options.WorkFolder), $"{options.WorkFolder}: there is no such folder to work in");
        if (options.MemoryLimitBytes is { } limit)
        {
            MemoryGroup.Create(limit).Dispose();
        }

        var benchmark = new StreamingBenchmark(options, ExperimentModel.Open(options.Model), program, time);
        StreamingSetup setup = benchmark.Setup;
        UsageException.Require(
            setup.DiskFreeBytes >= setup.DiskNeededBytes,
            $"{setup.WorkFolder}: {setup.DiskNeededBytes >> 20} MiB are needed there, but only {setup.DiskFreeBytes >> 20} MiB are free; give another folder with more room");
        return benchmark;
    }

    /// <summary>Measures. Run by run, everything once, so that what disturbs the machine meanwhile hits all alike.</summary>
    /// <param name="report">Told how far it has come, from several threads.</param>
    /// <param name="cancellationToken">Ends it; the processes are ended and what was written is removed.</param>
    /// <exception cref="JobFailedException">A process failed; the message names it and has what it said.</exception>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public async Task<StreamingReport> RunAsync(Action<ExperimentProgress> report, CancellationToken cancellationToken)
    {
        var jobs = new List<StreamingRun>();
        var floors = new List<FloorRun>();
        var steps = new Steps(report, SocketFloor.BufferBytes.Length + (_options.Runs * ((_options.Precisions.Count * _options.Streaming.Count) + 2)));

        List<FloorRun> trials = await TryBuffersAsync(steps, cancellationToken);
        int buffer = trials.MinBy(trial => trial.Seconds)!.BufferBytes!.Value;
        for (int run = 1; run <= _options.Runs; run++)
        {
            foreach (string precision in _options.Precisions)
            {
                foreach (StreamingMode streaming in _options.Streaming)
                {
                    jobs.Add(await MeasureAsync(run, precision, streaming, steps, cancellationToken));
                }
            }

            int now = run;
            steps.Next($"run {run} of {_options.Runs}: {CopyFloor.Name}");
            floors.Add(await InPlaceAsync(place => CopyFloor.MeasureAsync(now, _model, place, _time, cancellationToken), cancellationToken));
            steps.Done(floors[^1].Seconds);
            steps.Next($"run {run} of {_options.Runs}: {SocketFloor.Name}");
            floors.Add(await InPlaceAsync(place => SocketFloor.MeasureAsync(now, _model, _model.FileBytes, buffer, _program, place, _time, cancellationToken), cancellationToken));
            steps.Done(floors[^1].Seconds);
        }

        FloorSummary[] floorRows = [.. floors.GroupBy(floor => floor.Floor).Select(group => FloorSummary.Of([.. group]))];
        FloorSummary socket = floorRows.Single(floor => floor.Floor == SocketFloor.Name);
        StreamingSummary[] jobRows = [.. jobs.GroupBy(job => (job.Precision, job.Streaming)).Select(group => StreamingSummary.Of([.. group], socket))];
        return new StreamingReport(Setup, jobRows, floorRows, jobs, floors, trials);
    }

    private StreamingSetup Describe()
    {
        var drive = new DriveInfo(_options.WorkFolder);
        long available = ProcessMemory.AvailableBytes();
        return new StreamingSetup
        {
            Model = _model.Path,
            Tensors = _model.Tensors,
            Parameters = _model.Parameters,
            ModelBytes = _model.FileBytes,
            RoundTrip = _options.RoundTrip,
            Sites = _options.Sites,
            Runs = _options.Runs,
            WorkFolder = Path.GetFullPath(_options.WorkFolder),
            FileSystem = drive.DriveFormat,
            DiskNeededBytes = DiskBytes(),
            DiskFreeBytes = drive.AvailableFreeSpace,
            Cores = Environment.ProcessorCount,
            MemoryAvailableBytes = available,
            MemoryLimitBytes = _options.MemoryLimitBytes,
            ModelFitsMemory = _model.FileBytes < (_options.MemoryLimitBytes ?? available),
        };
    }

    /// <summary>The most that one measurement has on the disk at once, beside the model itself.</summary>
    private long DiskBytes()
    {
        long message = _options.Precisions.Max(precision => _model.SizeIn(precision).FileLength);
        long sent = message * (1 + _options.Sites);

        // Each site's result lies at the site and in the spool; the new global model is fp32.
        long returned = _options.RoundTrip ? (2 * _options.Sites * message) + _model.SizeIn("fp32").FileLength : 0;
        return Math.Max(sent + returned, _model.FileBytes) + ExperimentModel.SmallFilesBytes;
    }

    private async Task<List<FloorRun>> TryBuffersAsync(Steps steps, CancellationToken cancellationToken)
    {
        long bytes = Math.Min(_model.FileBytes, SocketFloor.TrialBytesMax);
        var trials = new List<FloorRun>();
        foreach (int buffer in SocketFloor.BufferBytes)
        {
            steps.Next($"{SocketFloor.Name}: which buffer is fastest, {buffer >> 10} KiB");
            trials.Add(await InPlaceAsync(place => SocketFloor.MeasureAsync(0, _model, bytes, buffer, _program, place, _time, cancellationToken), cancellationToken));
            steps.Done(trials[^1].Seconds);
        }

        return trials;
    }

    private async Task<StreamingRun> MeasureAsync(int run, string precision, StreamingMode streaming, Steps steps, CancellationToken cancellationToken)
    {
        steps.Next($"run {run} of {_options.Runs}: {precision}, {streaming.ToString().ToLowerInvariant()}");
        var measurement = new FederatedMeasurement(_options, _model, _program, precision, streaming, _time, steps.Move);
        StreamingRun measured = await InPlaceAsync(place => measurement.MeasureAsync(run, place, cancellationToken), cancellationToken);
        steps.Done(measured.JobSeconds);
        return measured;
    }

    private async Task<T> InPlaceAsync<T>(Func<MeasurementPlace, Task<T>> measure, CancellationToken cancellationToken)
    {
        using MeasurementPlace place = await MeasurementPlace.PrepareAsync(_folder, _model, _options.MemoryLimitBytes, cancellationToken);
        return await place.MeasureAsync(() => measure(place));
    }

    /// <summary>Counts the measurements and tells of them.</summary>
    private sealed class Steps(Action<ExperimentProgress> report, int count)
    {
        private int _number;
        private string _what = string.Empty;

        public void Next(string what)
        {
            (_number, _what) = (_number + 1, what);
            report(new ExperimentProgress(_number, count, _what, string.Empty, 0, null));
        }

        public void Move(TaskPhase phase, long bytes) => report(new ExperimentProgress(_number, count, _what, phase.Text(), bytes, null));

        public void Done(double seconds) => report(new ExperimentProgress(_number, count, _what, string.Empty, 0, seconds));
    }
}
