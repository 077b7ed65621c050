using Spectre.Console;
using Tributary.Client;
using Tributary.Federation.Wire;

namespace Tributary.Cli.Terminal;

/// <summary>Follows a job on stderr until it has ended: a live table in a terminal, a line for each event elsewhere.</summary>
internal static class JobFollower
{
    /// <summary>How long the server is asked to wait for an event.</summary>
    public static readonly TimeSpan Wait = TimeSpan.FromSeconds(20);

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    /// <summary>The job as it ended.</summary>
    public static Task<JobDocument> FollowAsync(JobClient client, string job, CancellationToken cancellationToken) =>
        Console.IsErrorRedirected ? PrintAsync(client, job, cancellationToken) : ShowAsync(client, job, cancellationToken);

    /// <summary>What a verb that waited for a job's end gives back.</summary>
    public static int Code(JobDocument ended) => ended.Line.State == JobState.Finished ? 0 : Failures.Failed;

    private static async Task<JobDocument> ShowAsync(JobClient client, string job, CancellationToken cancellationToken)
    {
        JobDocument now = await client.GetAsync(job, cancellationToken);
        await Consoles.Error.Live(Draw(now)).AutoClear(true).StartAsync(async live =>
        {
            while (now.Line.State < JobState.Finished)
            {
                await Task.Delay(Interval, cancellationToken);
                now = await client.GetAsync(job, cancellationToken);
                live.UpdateTarget(Draw(now));
            }
        });
        return now;
    }

    private static Rows Draw(JobDocument job)
    {
        string? note = job.Line.Reason ?? job.Sites.Where(site => site.Note is not null).Select(site => $"{site.Site}: {site.Note}").FirstOrDefault();
        return new Rows(JobTable.Header(job), JobTable.Sites(job), new Text(note ?? string.Empty), new Markup("[grey]Ctrl-C ends this view; the job goes on[/]"));
    }

    private static async Task<JobDocument> PrintAsync(JobClient client, string job, CancellationToken cancellationToken)
    {
        long after = 0;
        while (true)
        {
            // Looked at before the events: those of the end are there when it says that it has ended.
            JobDocument now = await client.GetAsync(job, cancellationToken);
            bool hasEnded = now.Line.State >= JobState.Finished;
            IReadOnlyList<EventDocument> events = await client.EventsAsync(job, after, hasEnded ? TimeSpan.Zero : Wait, cancellationToken);
            foreach (EventDocument happened in events)
            {
                Console.Error.WriteLine(JobTable.Line(happened));
                after = happened.Number;
            }

            if (hasEnded && events.Count == 0)
            {
                return now;
            }
        }
    }
}
