using Tributary.Federation.Jobs;
using Tributary.Federation.Tasks;
using Tributary.Server;
using Tributary.Server.Storage;
using Tributary.Simulation.Reports;

namespace Tributary.Simulation;

/// <summary>Makes a run's summary of what the server's journal says.</summary>
internal static class Summary
{
    public static RunSummary Of(ExchangedModel exchanged, JobRecord record, DateTimeOffset started, double seconds, long peakBytes, RunPaths paths)
    {
        (Job job, ModelSummary model) = (exchanged.Job, exchanged.Summary);
        int trained = record.Results.Count(result => result.Digest is not null);
        return new RunSummary
        {
            Job = job.Name,
            Workflow = job.Workflow,
            TaskPrecision = job.Precision.Task,
            ResultPrecision = job.Precision.Result,
            Exchange = job.Exchange.ToString().ToLowerInvariant(),
            Streaming = job.Streaming.ToString().ToLowerInvariant(),
            Seed = job.Seed,
            Started = started,
            Version = typeof(Summary).Assembly.GetName().Version!.ToString(3),
            Model = model,
            Base = exchanged.Base,
            Sites = [.. record.Results.Where(result => result is { Round: 1, Step: 0 }).Select(SiteOf)],
            InitialLoss = record.Models[0].Loss!.Value,
            FinalLoss = record.Models[^1].Loss!.Value,
            BestLoss = record.Models.Min(row => row.Loss!.Value),
            BestRound = record.BestRound,
            Rounds = [.. record.Models.Skip(1).Select(row => RoundOf(row, record))],
            BytesDown = record.Results.Sum(result => (long)Metric(result, MetricNames.BytesDown)),
            BytesUp = record.Results.Sum(result => (long)Metric(result, MetricNames.BytesUp)),
            Fp32BytesDown = record.Results.Count * model.Fp32Bytes,
            Fp32BytesUp = trained * model.Fp32Bytes,
            PeakRssBytes = peakBytes,
            Seconds = seconds,
            Paths = paths,
        };
    }

    private static SiteSummary SiteOf(ResultRow result) => new(
        result.Site,
        (int)Metric(result, MetricNames.TrainRecords),
        (int)Metric(result, MetricNames.HeldOutRecords),
        (int)Metric(result, MetricNames.TruncatedRecords));

    private static RoundSummary RoundOf(ModelRow model, JobRecord record)
    {
        StepRow[] steps = [.. record.Steps.Where(step => step.Round == model.Round)];
        ResultRow[] results = [.. record.Results.Where(result => result.Round == model.Round)];
        double encodeSeconds = steps.Sum(step => step.EncodeSeconds);
        return new RoundSummary(
            model.Round,
            model.Loss!.Value,
            (model.Saved - steps[0].Opened).TotalSeconds,
            encodeSeconds,
            model.MergeSeconds,
            results.Sum(result => (long)Metric(result, MetricNames.BytesDown)),
            results.Sum(result => (long)Metric(result, MetricNames.BytesUp)),
            [.. results.Select(PartOf)]);
    }

    private static SiteRoundSummary PartOf(ResultRow result) => new(
        result.Site,
        Metric(result, MetricNames.ReceivedLoss),
        Metric(result, MetricNames.TrainLoss),
        Metric(result, MetricNames.LocalLoss),
        result.Samples,
        (long)Metric(result, MetricNames.Tokens),
        (long)Metric(result, MetricNames.BytesDown),
        (long)Metric(result, MetricNames.BytesUp),
        Metric(result, MetricNames.DownloadSeconds),
        Metric(result, MetricNames.TrainSeconds),
        Metric(result, MetricNames.EvaluateSeconds),
        Metric(result, MetricNames.UploadSeconds));

    private static double Metric(ResultRow result, string name) => result.Metrics.GetValueOrDefault(name);
}
