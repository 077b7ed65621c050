using Tributary.Federation.Jobs;

namespace Tributary.Site;

/// <summary>
/// How many bytes a site's results have where the job leaves that to it (<see cref="JobPrecision.Auto"/>): as many as it can send in a tenth of the time that the task
/// took so far, by the pace of what it sent last, and in half of what is left of the round's deadline.
/// </summary>
/// <param name="time">The clock.</param>
internal sealed class ResultPace(TimeProvider time)
{
    private const double OfWork = 0.1;
    private const double OfDeadline = 0.5;

    // As many bytes as int8 takes.
    private const double ShareMax = 0.25;

    private double? _bytesPerSecond;

    /// <summary>Notes how fast a result went.</summary>
    public void Sent(long bytes, TimeSpan took) => _bytesPerSecond = took > TimeSpan.Zero ? bytes / took.TotalSeconds : _bytesPerSecond;

    /// <summary>The job's precisions, with what this site's result may have now.</summary>
    /// <param name="job">The job.</param>
    /// <param name="begun">When the task was begun, by the clock's timestamp.</param>
    /// <param name="elements">The elements that the result has.</param>
    public JobPrecision For(Job job, long begun, long elements)
    {
        if (job.Precision.Result != JobPrecision.Auto || _bytesPerSecond is not { } pace)
        {
            return job.Precision;
        }

        double worked = time.GetElapsedTime(begun).TotalSeconds;
        double seconds = OfWork * worked;
        if (job.Deadline is { } deadline)
        {
            seconds = Math.Min(seconds, OfDeadline * Math.Max(0, deadline.TotalSeconds - worked));
        }

        double share = Math.Min(ShareMax, pace * seconds / (elements * sizeof(float)));
        return job.Precision with { Budget = (job.Precision.Budget ?? new JobBudget()) with { Result = share, Error = null } };
    }
}
