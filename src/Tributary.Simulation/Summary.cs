using Tributary.Federation.Jobs;
using Tributary.Federation.Rounds;
using Tributary.Federation.Tasks;
using Tributary.Federation.Workflows;
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
            ResultPrecision = job.Precision.Ring is { } ring ? $"ring of {ring.Bits} bits" : job.Precision.Result,
            Exchange = job.Exchange.ToString().ToLowerInvariant(),
            Streaming = job.Streaming.ToString().ToLowerInvariant(),
            Seed = job.Seed,
            Started = started,
            Version = typeof(Summary).Assembly.GetName().Version!.ToString(3),
            Model = model,
            Base = exchanged.Base,
            Sites = [.. job.Sites.Select(site => SiteOf(site, record))],
            InitialLoss = record.Models[0].Loss,
            FinalLoss = record.Models[^1].Loss,
            BestLoss = record.Models.Min(row => row.Loss),
            BestRound = record.BestRound,
            Rounds = [.. record.Models.Skip(1).Select(row => RoundOf(row, record))],
            CrossSite = job.Workflow == CrossSiteEvaluation.Name ? CrossSite(job.Rounds, record) : [],
            BytesDown = record.Results.Sum(result => (long)Metric(result, MetricNames.BytesDown)),
            BytesUp = record.Results.Sum(result => (long)Metric(result, MetricNames.BytesUp)),
            HeaderBytes = record.Results.Sum(result => (long)Metric(result, MetricNames.HeaderBytes)),
            Fp32BytesDown = record.Results.Count(result => record.Steps.Any(step => step.SendsModel && step.Round == result.Round && step.Step == result.Step)) * model.Fp32Bytes,
            Fp32BytesUp = trained * model.Fp32Bytes,
            PeakRssBytes = peakBytes,
            Seconds = seconds,
            Paths = paths,
            Privacy = job.Privacy is { } privacy ? PrivacyOf(privacy, record) : null,
            SecureAggregation = job.SecureAggregation is not null,
            EndedEarly = record.EndedEarly,
        };
    }

    /// <summary>A site as its first result shows it: one that never returned any has no records that are known.</summary>
    private static SiteSummary SiteOf(string site, JobRecord record) => record.Results.FirstOrDefault(result => result.Site == site) is { } result
        ? new SiteSummary(
            site, (int)Metric(result, MetricNames.TrainRecords), (int)Metric(result, MetricNames.HeldOutRecords), (int)Metric(result, MetricNames.TruncatedRecords))
        : new SiteSummary(site, 0, 0, 0);

    /// <summary>The matrix: a step for each site's model, in the order of the sites whose updates counted.</summary>
    private static IReadOnlyList<CrossSiteRow> CrossSite(int round, JobRecord record)
    {
        IEnumerable<string> models = record.Parts.Where(part => part.Round == round && part is { Step: 0, State: SiteState.Counted }).Select(part => part.Site);
        return [.. models.Select((model, place) => new CrossSiteRow(model, record.Results
            .Where(result => result.Round == round && result.Step == place + 1)
            .ToDictionary(result => result.Site, result => Metric(result, MetricNames.ReceivedLoss), StringComparer.Ordinal)))];
    }

    private static RoundSummary RoundOf(ModelRow model, JobRecord record)
    {
        StepRow[] steps = [.. record.Steps.Where(step => step.Round == model.Round)];
        ResultRow[] results = [.. record.Results.Where(result => result.Round == model.Round)];
        double encodeSeconds = steps.Sum(step => step.EncodeSeconds);
        return new RoundSummary(
            model.Round,
            model.Loss,
            (model.Saved - steps[0].Opened).TotalSeconds,
            encodeSeconds,
            model.MergeSeconds,
            results.Sum(result => (long)Metric(result, MetricNames.BytesDown)),
            results.Sum(result => (long)Metric(result, MetricNames.BytesUp)),
            [.. results.Where(result => result.Digest is not null).Select(PartOf)])
        {
            ChosenDown = Chosen(MetricNames.DownShare, results),
            ChosenUp = Chosen(MetricNames.UpShare, results),
            Epsilon = record.Epsilons.Count >= model.Round ? record.Epsilons[model.Round - 1] : null,
            LeftOut = [.. record.Parts
                .Where(part => part.Round == model.Round && part.State is not (SiteState.Counted or SiteState.NotDrawn))
                .Select(part => new LeftOutSite(part.Site, part.State.ToString().ToLowerInvariant(), part.Reason!))],
        };
    }

    /// <summary>The mean of sites' shares, the largest first.</summary>
    private static IReadOnlyList<ChosenPrecision> Chosen(string prefix, ResultRow[] results)
    {
        ResultRow[] told = [.. results.Where(result => result.Metrics.Keys.Any(name => name.StartsWith(prefix, StringComparison.Ordinal)))];
        return [.. told.SelectMany(result => result.Metrics).Where(metric => metric.Key.StartsWith(prefix, StringComparison.Ordinal))
            .GroupBy(metric => metric.Key[prefix.Length..], metric => metric.Value, StringComparer.Ordinal)
            .Select(shares => new ChosenPrecision(shares.Key, shares.Sum() / told.Length))
            .OrderByDescending(chosen => chosen.Share).ThenBy(chosen => chosen.Precision, StringComparer.Ordinal)];
    }

    private static SiteRoundSummary PartOf(ResultRow result) => new(
        result.Site,
        Loss(result, MetricNames.ReceivedLoss),
        Loss(result, MetricNames.TrainLoss),
        Loss(result, MetricNames.LocalLoss),
        result.Samples,
        (long)Metric(result, MetricNames.Tokens),
        (long)Metric(result, MetricNames.BytesDown),
        (long)Metric(result, MetricNames.BytesUp),
        Metric(result, MetricNames.DownloadSeconds),
        Metric(result, MetricNames.TrainSeconds),
        Metric(result, MetricNames.EvaluateSeconds),
        Metric(result, MetricNames.UploadSeconds));

    private static PrivacySummary PrivacyOf(JobPrivacy privacy, JobRecord record) => new(
        privacy.Unit.ToString().ToLowerInvariant(), record.Epsilons.Count == 0 ? 0 : record.Epsilons[^1], privacy.Delta, privacy.Epsilon, privacy.Clip, privacy.NoiseMultiplier, privacy.SamplingRate,
        privacy.Unit == PrivacyUnit.Record || privacy.Noise == NoisePlace.Site ? "sites" : "server", privacy.Figures == PrivateFigures.Withheld);

    private static double? Loss(ResultRow result, string name) => result.Metrics.TryGetValue(name, out double loss) ? loss : null;

    private static double Metric(ResultRow result, string name) => result.Metrics.GetValueOrDefault(name);
}
