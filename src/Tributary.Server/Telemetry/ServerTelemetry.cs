using System.Diagnostics;
using System.Diagnostics.Metrics;
using Tributary.Federation.Jobs;
using Tributary.Federation.Rounds;
using Tributary.Federation.Workflows;

namespace Tributary.Server.Telemetry;

/// <summary>
/// The spans and figures of a server, from the activity source and the meter <c>Tributary.Server</c>; docs/OPERATIONS.md lists them.
/// </summary>
public static class ServerTelemetry
{
    /// <summary>The name of the activity source and of the meter.</summary>
    public const string Name = "Tributary.Server";

    private static readonly ActivitySource Source = new(Name);
    private static readonly Meter Meter = new(Name);
    private static readonly Histogram<double> RoundSeconds = Seconds("tributary.round.duration", "From a round's first step until its model is saved, or the next round begins.");
    private static readonly Histogram<double> StepSeconds = Seconds("tributary.step.duration", "From the offer of a task until it is closed.");
    private static readonly Histogram<double> EncodeSeconds = Seconds("tributary.encode.duration", "Encoding a step's message.");
    private static readonly Histogram<double> MergeSeconds = Seconds("tributary.merge.duration", "Merging updates into a model, and writing it.");
    private static readonly Counter<long> Results = Meter.CreateCounter<long>("tributary.results", "{result}", "Results of sites that are durable.");
    private static readonly Counter<long> ResultBytes = Meter.CreateCounter<long>("tributary.result.size", "By", "The messages of these results.");
    private static readonly Counter<long> LeftOut = Meter.CreateCounter<long>("tributary.parts.left_out", "{part}", "Parts of sites without which a step was closed.");
    private static readonly Counter<long> Retries = Meter.CreateCounter<long>("tributary.task.retries", "{retry}", "Tasks that a site could not do and got again.");
    private static readonly UpDownCounter<long> Jobs = Meter.CreateUpDownCounter<long>("tributary.jobs.running", "{job}", "Jobs that run.");
    private static readonly Gauge<double> Loss = Meter.CreateGauge<double>("tributary.model.loss", "{nat}", "The held-out loss of the latest global model, per response token.");

    internal static void Observe(Job job, JobEvent happened)
    {
        switch (happened)
        {
            case ResultCounted result:
                Results.Add(1, Tag(TelemetryNames.Job, job.Name), Tag(TelemetryNames.Site, result.Site));
                ResultBytes.Add(result.BytesUp, Tag(TelemetryNames.Job, job.Name), Tag(TelemetryNames.Site, result.Site));
                break;
            case SiteLeftOut left:
                LeftOut.Add(1, Tag(TelemetryNames.Job, job.Name), Tag(TelemetryNames.Site, left.Part.Site), Tag("tributary.part.state", left.Part.State.ToString()));
                break;
            case TaskRetried retried:
                Retries.Add(1, Tag(TelemetryNames.Job, job.Name), Tag(TelemetryNames.Site, retried.Site));
                break;
            case LossKnown known:
                Loss.Record(known.Loss, Tag(TelemetryNames.Job, job.Name));
                break;
        }
    }

    internal static void CountJob(int change) => Jobs.Add(change);

    /// <summary>A round, which is a trace of its own: jobs take days, and a trace is looked at whole.</summary>
    internal static TracedOperation BeginRound(Job job, int round) =>
        TracedOperation.Begin(Source, "tributary.round", RoundSeconds, default, ActivityKind.Internal, Tag(TelemetryNames.Job, job.Name)).With(TelemetryNames.Round, round);

    internal static TracedOperation BeginStep(Job job, TaskRequest request, ActivityContext round) => TracedOperation
        .Begin(Source, "tributary.step", StepSeconds, round, ActivityKind.Producer, Tag(TelemetryNames.Job, job.Name), Tag(TelemetryNames.Task, request.Task))
        .With(TelemetryNames.Round, request.Round).With(TelemetryNames.Step, request.Step);

    internal static TracedOperation BeginMerge(Job job, int round, ActivityContext parent) =>
        TracedOperation.Begin(Source, "tributary.merge", MergeSeconds, parent, ActivityKind.Internal, Tag(TelemetryNames.Job, job.Name)).With(TelemetryNames.Round, round);

    /// <summary>Within the step whose message it is.</summary>
    internal static TracedOperation BeginEncode() => TracedOperation.Begin(Source, "tributary.encode", EncodeSeconds);

    private static Histogram<double> Seconds(string name, string description) =>
        Meter.CreateHistogram(name, "s", description, advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.01, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600, 14_400, 86_400] });

    private static KeyValuePair<string, object?> Tag(string name, object? value) => new(name, value);
}
