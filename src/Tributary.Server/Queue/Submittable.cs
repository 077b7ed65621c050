using Tributary.Configuration;
using Tributary.Federation.Filters;
using Tributary.Federation.Jobs;
using Tributary.Federation.Workflows;
using Tributary.Transport;

namespace Tributary.Server.Queue;

/// <summary>What can be said of a job before anything of it is there. Statements are made by clients, and these may be anybody's own.</summary>
internal static class Submittable
{
    private const int SitesMax = 10_000;
    private const int RoundsMax = 100_000;

    /// <summary>Says why a job cannot run here; null where it can.</summary>
    public static string? Refuse(JobStatement statement, ServerOptions options)
    {
        Job job = statement.Job;
        if (job.Sites.Prepend(job.Name).Select(JobName.Refuse).FirstOrDefault(reason => reason is not null) is { } unfit)
        {
            return unfit;
        }

        if (job.Sites.Count is 0 or > SitesMax || !job.Sites.SequenceEqual(job.Sites.Order(StringComparer.Ordinal).Distinct(StringComparer.Ordinal)))
        {
            return $"The job names {job.Sites.Count} sites; it should name 1 to {SitesMax}, each once and sorted by name.";
        }

        if (job.Rounds is < 1 or > RoundsMax)
        {
            return $"The job has {job.Rounds} rounds; 1 to {RoundsMax} can be run.";
        }

        if (!Controllers.Names.Contains(job.Workflow))
        {
            return $"This server has no workflow '{job.Workflow}'; it has {string.Join(", ", Controllers.Names)}.";
        }

        if (job.Refuse() is { } ruinous)
        {
            return ruinous;
        }

        if (!ObjectDigest.IsWellFormed(statement.Model.Digest) || statement.Model.Length < 1)
        {
            return "The statement names no model by a digest and a length above zero.";
        }

        if (statement.Model.Length > options.ModelBytesMax)
        {
            return $"The model has {statement.Model.Length} bytes, and this server takes at most {options.ModelBytesMax} ('model_bytes_max' in server.yaml).";
        }

        try
        {
            FilterPipeline.Check(job.Precision);
        }
        catch (Exception e) when (e is FilterMismatchException or ArgumentException or KeyNotFoundException or FormatException)
        {
            return e.Message;
        }

        return null;
    }
}
