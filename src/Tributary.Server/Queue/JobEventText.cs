using System.Globalization;
using Tributary.Federation.Rounds;
using Tributary.Federation.Tasks;
using Tributary.Server.Storage;

namespace Tributary.Server.Queue;

/// <summary>What of a job's events is kept, in words. Progress within a step is not: there is too much of it, and it is over soon.</summary>
internal static class JobEventText
{
    /// <param name="log">Where it is kept.</param>
    /// <param name="job">The job.</param>
    /// <param name="happened">What happened.</param>
    /// <param name="before">What the site of the event, if it is one's, said last that it waits for.</param>
    public static void Note(EventLog log, string job, JobEvent happened, string? before)
    {
        switch (happened)
        {
            case SiteProgressed { Progress: { Note: { } waits } progress } site when waits != before:
                log.Add(job, "site-waits", $"{progress.Phase.Text()}: {waits}", site.Round, site.Site);
                break;
            case StepOpened step:
                log.Add(job, "step-opened", Text($"{step.Task}: a message of {step.MessageBytes:N0} bytes is offered"), step.Round);
                break;
            case ResultCounted result:
                string loss = result.Metrics.TryGetValue(MetricNames.LocalLoss, out double local) ? Text($", loss {local:0.0000}") : string.Empty;
                log.Add(job, "result", Text($"the result is there, {result.BytesUp:N0} bytes{loss}"), result.Round, result.Site);
                break;
            case TaskRetried retried:
                log.Add(job, "task-retried", $"it tries its task again, since {retried.Reason}", retried.Round, retried.Site);
                break;
            case TaskFailed failed:
                log.Add(job, "task-failed", $"it does not do its task: {failed.Reason}", failed.Round, failed.Site);
                break;
            case SiteLeftOut left:
                log.Add(job, "site-left-out", $"the round went on without it, {left.Part.State.ToString().ToLowerInvariant()}: {left.Part.Reason}", left.Round, left.Part.Site);
                break;
            case SumBegunAgain again:
                log.Add(job, "sum-begun-again", $"the sum is begun again with new keys, since {again.Reason}", again.Round);
                break;
            case ModelSaved saved:
                log.Add(job, "model-saved", "the global model is durable", saved.Round);
                break;
            case PrivacySpent spent:
                log.Add(job, "privacy-spent", Text($"epsilon {spent.Epsilon:0.###} at delta {spent.Delta:0.##e-0} is spent with this round"), spent.Round);
                break;
            case RoundsEnded ended:
                log.Add(job, "rounds-ended", $"it does not run, nor does any after it: {ended.Reason}", ended.Round);
                break;
            case LossKnown known:
                log.Add(job, "loss", Text($"held-out loss {known.Loss:0.0000}"), known.Round);
                break;
        }
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
