using Tributary.Federation.Tasks;
using Tributary.Federation.Wire;
using Tributary.Server.Jobs;
using Tributary.Server.Storage;

namespace Tributary.Server.Queue;

/// <summary>Submitted jobs as people see them: what is recorded, and how far what runs has come.</summary>
internal sealed class JobView(TributaryServer server, JobQueue queue)
{
    /// <summary>All jobs, the newest first.</summary>
    public IReadOnlyList<JobLineDocument> Lines() => [.. queue.Submissions.All().Reverse().Select(job => LineOf(job, server.Journal.Models(job.Name)))];

    public JobDocument Of(Submission job)
    {
        IReadOnlyList<ModelRow> models = server.Journal.Models(job.Name);
        IReadOnlyList<ResultRow> results = server.Journal.Results(job.Name);

        // An ended job's run is put away a moment later; its sites do nothing for it any more.
        JobProgress? progress = job.HasEnded ? null : queue.ProgressOf(job.Name);
        int? best = models.Any(model => model.Loss is not null) ? JobRun.Best(models) : null;
        return new JobDocument(
            LineOf(job, models), job.Digest, job.Run, job.Started, job.Ended, job.Statement.Model, progress?.Doing,
            [.. job.Job.Sites.Select(site => SiteOf(site, progress))],
            [.. models.Select(model => new JobModelDocument(model.Round, model.Saved, model.Loss, SiteLosses(model.Round, results)))],
            best, TrafficOf(job, results));
    }

    private JobLineDocument LineOf(Submission job, IReadOnlyList<ModelRow> models)
    {
        string? reason = job.Reason ?? job.State switch
        {
            JobState.AwaitingModel => "the model that it starts from has not been uploaded",
            JobState.Queued => queue.WaitingFor(job.Name),
            _ => null,
        };
        int saved = models.Count == 0 ? 0 : models[^1].Round;
        int round = Math.Clamp((job.HasEnded ? null : queue.ProgressOf(job.Name))?.Round ?? saved, saved, job.Job.Rounds);
        return new JobLineDocument(
            job.Name, job.State, reason, job.Submitter, job.Submitted, job.Job.Workflow, job.Job.Sites.Count, round, job.Job.Rounds,
            models.LastOrDefault(model => model.Loss is not null)?.Loss);
    }

    private JobSiteDocument SiteOf(string site, JobProgress? progress)
    {
        SiteProgress stands = progress?.Of(site) ?? new SiteProgress(new TaskProgress(TaskPhase.Waiting), 0);
        return new JobSiteDocument(
            site, queue.Sites.Seen(site), stands.Progress.Phase, stands.Progress.Done, stands.Progress.Total, stands.Loss, stands.TokensPerSecond, stands.BytesPerSecond, stands.Progress.Note ?? stands.Note);
    }

    /// <summary>A model's loss is what sites measure when they have received it, in the round after the one that made it.</summary>
    private static Dictionary<string, double> SiteLosses(int round, IReadOnlyList<ResultRow> results) => results
        .Where(result => result.Round == round + 1 && result.Metrics.ContainsKey(MetricNames.ReceivedLoss))
        .GroupBy(result => result.Site, StringComparer.Ordinal)
        .ToDictionary(site => site.Key, site => site.First().Metrics[MetricNames.ReceivedLoss], StringComparer.Ordinal);

    private static TrafficDocument TrafficOf(Submission job, IReadOnlyList<ResultRow> results)
    {
        long messages = results.Count + results.Count(result => result.Digest is not null);
        return new TrafficDocument(
            results.Sum(result => (long)result.Metrics.GetValueOrDefault(MetricNames.BytesDown)),
            results.Sum(result => (long)result.Metrics.GetValueOrDefault(MetricNames.BytesUp)),
            messages * job.Statement.Model.Parameters * sizeof(float));
    }
}
