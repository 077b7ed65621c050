using System.Diagnostics;
using System.Diagnostics.Metrics;
using Tributary.Federation.Tasks;
using Tributary.Federation.Wire;

namespace Tributary.Site.Telemetry;

/// <summary>
/// The spans and figures of a site, from the activity source and the meter <c>Tributary.Site</c>; docs/OPERATIONS.md lists them. A task's span
/// is a child of the server's step.
/// </summary>
public static class SiteTelemetry
{
    /// <summary>The name of the activity source and of the meter.</summary>
    public const string Name = "Tributary.Site";

    private static readonly ActivitySource Source = new(Name);
    private static readonly Meter Meter = new(Name);
    private static readonly Histogram<double> TaskSeconds = Seconds("tributary.task.duration", "A task, from its message's first byte until its result is with the server.");
    private static readonly Histogram<double> DownloadSeconds = Seconds("tributary.download.duration", "Receiving a task's message.");
    private static readonly Histogram<double> TrainSeconds = Seconds("tributary.train.duration", "What the trainer does for a task: measuring and training.");
    private static readonly Histogram<double> UploadSeconds = Seconds("tributary.upload.duration", "Encoding and sending a task's result.");
    private static readonly Counter<long> Tokens = Meter.CreateCounter<long>("tributary.train.tokens", "{token}", "Tokens trained on.");

    internal static TracedOperation BeginTask(TaskDocument task, string site)
    {
        _ = ActivityContext.TryParse(task.Traceparent, null, isRemote: true, out ActivityContext step);
        return TracedOperation
            .Begin(
                Source, "tributary.task", TaskSeconds, step, ActivityKind.Consumer,
                Tag(TelemetryNames.Job, task.Job.Name), Tag(TelemetryNames.Task, task.Name), Tag(TelemetryNames.Site, site))
            .With(TelemetryNames.Round, task.Round).With(TelemetryNames.Step, task.Step).With(TelemetryNames.Attempt, task.Attempt);
    }

    internal static TracedOperation BeginDownload(TaskDocument task, string site) => Begin("tributary.download", DownloadSeconds, task, site);

    internal static TracedOperation BeginTrain(TaskDocument task, string site) => Begin("tributary.train", TrainSeconds, task, site);

    internal static TracedOperation BeginUpload(TaskDocument task, string site) => Begin("tributary.upload", UploadSeconds, task, site);

    internal static void CountTokens(TaskDocument task, string site, TaskResult result)
    {
        if (result.Metrics.TryGetValue(MetricNames.Tokens, out double tokens) && tokens > 0)
        {
            Tokens.Add((long)tokens, Tag(TelemetryNames.Job, task.Job.Name), Tag(TelemetryNames.Site, site));
        }
    }

    private static TracedOperation Begin(string name, Histogram<double> seconds, TaskDocument task, string site) =>
        TracedOperation.Begin(Source, name, seconds, Tag(TelemetryNames.Job, task.Job.Name), Tag(TelemetryNames.Site, site)).With(TelemetryNames.Round, task.Round);

    private static KeyValuePair<string, object?> Tag(string name, object? value) => new(name, value);

    private static Histogram<double> Seconds(string name, string description) =>
        Meter.CreateHistogram(name, "s", description, advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.01, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600, 14_400, 86_400] });
}
