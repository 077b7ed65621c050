using Tributary.Codecs.Benchmarks;
using Tributary.Federation.Jobs;
using Tributary.Federation.Tasks;
using Tributary.Simulation.Experiments;
using Tributary.Simulation.Experiments.Processes;
using Tributary.Simulation.Experiments.Roles;
using StreamingMode = Tributary.Federation.Jobs.Streaming;

namespace Tributary.Simulation.Streaming;

/// <summary>One job, measured: a server's process, one for each site, and what they tell.</summary>
internal sealed class FederatedMeasurement(
    StreamingOptions options, ExperimentModel model, ProgramCommand program, string precision, StreamingMode streaming, TimeProvider time, Action<TaskPhase, long> progress)
{
    private readonly Dictionary<string, SiteMoved> _moved = new(StringComparer.Ordinal);

    public async Task<StreamingRun> MeasureAsync(int run, MeasurementPlace place, CancellationToken cancellationToken)
    {
        var processes = new FederatedProcesses(program, model, time) { RoundTrip = options.RoundTrip, Moved = Show };
        return Figures(run, await processes.RunAsync(JobOf(FederatedProcesses.Names(options.Sites)), place, cancellationToken));
    }

    private Job JobOf(string[] sites) => new()
    {
        Name = "streaming",
        Workflow = "streaming",
        Sites = sites,
        Rounds = 1,
        Precision = new JobPrecision(precision, precision),
        Exchange = Exchange.Weights,
        Streaming = streaming,
        SiteTimeout = TimeSpan.FromMinutes(5),
    };

    private void Show(SiteMoved moved)
    {
        _moved[moved.Site] = moved;
        progress(moved.Phase, _moved.Values.Where(site => site.Phase == moved.Phase).Sum(site => site.Done));
    }

    private StreamingRun Figures(int run, FederatedRecord record)
    {
        MessageOffered offered = record.Told.OfType<MessageOffered>().Single();
        Dictionary<string, ResultArrived> results = record.Told.OfType<ResultArrived>().ToDictionary(result => result.Site, StringComparer.Ordinal);
        ModelMerged? merged = record.Told.OfType<ModelMerged>().SingleOrDefault();
        MessageSize size = model.SizeIn(precision);
        return new StreamingRun
        {
            Run = run,
            Precision = precision,
            Streaming = streaming.ToString().ToLowerInvariant(),
            Message = new MessageBytes(offered.Bytes, size.Payload, size.SentMeta, offered.Bytes - size.Payload - size.SentMeta),
            ServerPeakBytes = record.ServerPeakBytes,
            Sites =
            [
                .. record.Sites.Select(site => new SiteFigures(
                    site.Name, site.PeakBytes, record.Since(site.Reads.Single().VerifiedAt), record.Since(site.Reads.Single().ReadAt), results[site.Name].Bytes,
                    record.Done.Results.Single(result => result.Site == site.Name).Digest)),
            ],
            OfferedSeconds = record.Since(offered.At),
            UploadedSeconds = options.RoundTrip ? record.Since(results.Values.Max(result => result.At)) : null,
            MergeSeconds = merged is null ? null : time.GetElapsedTime(record.Told.OfType<MergeBegan>().Single().At, merged.At).TotalSeconds,
            JobSeconds = record.Since(record.Done.At),
            Memory = record.Memory,
        };
    }
}
