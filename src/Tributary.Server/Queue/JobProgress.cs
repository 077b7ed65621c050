using System.Collections.Concurrent;
using Tributary.Federation.Rounds;
using Tributary.Federation.Tasks;

namespace Tributary.Server.Queue;

/// <summary>How far a running job has come, as its events tell; nothing of it has to survive a restart. Safe for several threads.</summary>
internal sealed class JobProgress(TimeProvider time)
{
    private readonly ConcurrentDictionary<string, SiteProgress> _sites = new(StringComparer.Ordinal);

    public int Round { get; private set; }

    /// <summary>What goes on at the server, in words.</summary>
    public string? Doing { get; private set; }

    public SiteProgress Of(string site) => _sites.GetValueOrDefault(site) ?? new SiteProgress(new TaskProgress(TaskPhase.Waiting), 0);

    public void Observe(JobEvent happened)
    {
        switch (happened)
        {
            case StepEncoding step:
                (Round, Doing) = (step.Round, "encoding the message");
                Reset();
                break;
            case StepOpened step:
                (Round, Doing) = (step.Round, step.Task);
                Reset();
                break;
            case MergeStarted merge:
                (Round, Doing) = (merge.Round, "merging the updates");
                break;
            case SiteProgressed site:
                Move(site.Site, site.Progress);
                break;
            case ResultCounted result:
                Move(result.Site, new TaskProgress(TaskPhase.Done, Loss: result.Metrics.TryGetValue(MetricNames.LocalLoss, out double loss) ? loss : null));
                break;
            case TaskRetried retried:
                Note(retried.Site, $"tries its task of round {retried.Round} again, since {retried.Reason}");
                break;
            case TaskFailed failed:
                Move(failed.Site, new TaskProgress(TaskPhase.Waiting));
                Note(failed.Site, $"does not do its task of round {failed.Round}: {failed.Reason}");
                break;
            case SiteLeftOut left:
                Note(left.Part.Site, $"round {left.Round} went on without it ({left.Part.State.ToString().ToLowerInvariant()}): {left.Part.Reason}");
                break;
        }
    }

    private void Reset()
    {
        foreach (string site in _sites.Keys)
        {
            _sites.AddOrUpdate(site, _ => Start(new TaskProgress(TaskPhase.Waiting)), (_, before) => Start(new TaskProgress(TaskPhase.Waiting)) with { Note = before.Note, Loss = before.Loss });
        }
    }

    private void Note(string site, string note) =>
        _sites.AddOrUpdate(site, _ => Start(new TaskProgress(TaskPhase.Waiting)) with { Note = note }, (_, before) => before with { Note = note });

    private void Move(string site, TaskProgress progress) => _sites.AddOrUpdate(site, _ => Start(progress), (_, before) =>
    {
        SiteProgress moved = before.Progress.Phase == progress.Phase ? before with { Progress = progress } : Start(progress) with { Note = before.Note };
        double seconds = time.GetElapsedTime(moved.Began).TotalSeconds;
        bool movesBytes = progress.Phase is TaskPhase.Downloading or TaskPhase.Uploading;
        return moved with
        {
            Loss = progress.Loss ?? before.Loss,
            TokensPerSecond = progress.TokensPerSecond ?? before.TokensPerSecond,
            BytesPerSecond = movesBytes && seconds > 0 ? progress.Done / seconds : null,
        };
    });

    private SiteProgress Start(TaskProgress progress) => new(progress, time.GetTimestamp()) { Loss = progress.Loss };
}

/// <summary>Where a site stands.</summary>
internal sealed record SiteProgress(TaskProgress Progress, long Began)
{
    public double? Loss { get; init; }

    public double? TokensPerSecond { get; init; }

    public double? BytesPerSecond { get; init; }

    public string? Note { get; init; }
}
