using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Tributary.Configuration;
using Tributary.Federation.Jobs;
using Tributary.Federation.Wire;
using Tributary.Provisioning;
using Tributary.Server.Identity;
using Tributary.Server.Jobs;
using Tributary.Server.Queue;
using Tributary.Server.Storage;
using Tributary.Transport;

namespace Tributary.Server.Endpoints;

/// <summary>Submitted jobs, for administrators, who change them, and viewers, who look.</summary>
internal static class JobEndpoints
{
    private const string One = "v1/jobs/{job}";

    // A job names every site and setting; its model is another matter.
    private const int SubmissionBytesMax = 4 << 20;

    public static void Map(IEndpointRouteBuilder routes, TributaryServer server, JobQueue queue, ProjectTrust trust, TimeProvider time)
    {
        RouteGroupBuilder all = routes.MapGroup(string.Empty).ForRoles(PartyRole.Admin, PartyRole.Viewer);
        var view = new JobView(server, queue);
        all.MapGet(JobRoutes.Jobs, context => WriteAsync(context, view.Lines())).WithSummary("The jobs, the newest first").WithDocuments(gives: JobJson.Default.IReadOnlyListJobLineDocument);
        all.MapGet(JobRoutes.Sites, context => context.Response.WriteAsJsonAsync(queue.Sites.All(), JobJson.Default.IReadOnlyListSiteDocument))
            .WithSummary("The sites that the server has heard of since it was started").WithDocuments(gives: JobJson.Default.IReadOnlyListSiteDocument);
        all.MapGet(One, context => WithJob(context, queue, job => context.Response.WriteAsJsonAsync(view.Of(job), JobJson.Default.JobDocument)))
            .WithSummary("A job as it stands").WithDocuments(gives: JobJson.Default.JobDocument);
        all.MapGet(One + "/events", context => WithJob(context, queue, job => EventsAsync(context, queue, job.Name, server.Options.LongPollMax, time)))
            .WithSummary("A job's events after a number (query 'after'); with 'Prefer: wait=N' it waits for one").WithDocuments(gives: JobJson.Default.IReadOnlyListEventDocument);
        var objects = new ObjectHandlers(new ServingOptions(), time, routes.ServiceProvider.GetRequiredService<ILogger<ObjectHandlers>>());
        all.MapObject(One + "/models/{which}", objects, context => ValueTask.FromResult(FindModel(context, server, queue)))
            .WithSummary("A job's last or best global model, an object in parts");

        RouteGroupBuilder admins = routes.MapGroup(string.Empty).ForRoles(PartyRole.Admin);
        admins.MapPost(JobRoutes.Jobs, context => SubmitAsync(context, server, queue, view, trust))
            .WithSummary("Submit a job that an administrator has signed").WithDocuments(JobJson.Default.SignedJobDocument, JobJson.Default.JobDocument);
        admins.MapGet(One + "/statement", context => WithJob(context, queue, job => context.Response.WriteAsJsonAsync(job.Signed, JobJson.Default.SignedJobDocument)))
            .WithSummary("A job's statement, as it was signed").WithDocuments(gives: JobJson.Default.SignedJobDocument);
        admins.MapPost(One + "/abort", context => WithJob(context, queue, async job => await MovedAsync(
            context, queue, view, job.Name, await queue.AbortAsync(job.Name, context.Party().ToString()), "it has ended already"))).WithSummary("End a job; it can be resumed").WithDocuments(gives: JobJson.Default.JobDocument);
        admins.MapPost(One + "/resume", context => WithJob(context, queue, job => MovedAsync(
            context, queue, view, job.Name, queue.Resume(job.Name, context.Party().ToString()), "only a job that failed or was ended can be resumed"))).WithSummary("Go on with a job that failed or was ended").WithDocuments(gives: JobJson.Default.JobDocument);
        admins.MapDelete(One, context => WithJob(context, queue, job => DeleteAsync(context, queue, job))).WithSummary("Remove a job that has ended, with its models");
    }

    private static Task WriteAsync(HttpContext context, IReadOnlyList<JobLineDocument> lines) => context.Response.WriteAsJsonAsync(lines, JobJson.Default.IReadOnlyListJobLineDocument);

    private static async Task WithJob(HttpContext context, JobQueue queue, Func<Submission, Task> answer)
    {
        string name = (string)context.Request.RouteValues["job"]!;
        if (JobName.Refuse(name) is null && queue.Submissions.Find(name) is { } job)
        {
            await answer(job);
            return;
        }

        await Problem.WriteAsync(context, StatusCodes.Status404NotFound, "no such job", $"There is no job '{name}' at this server; 'job list' shows those there are.");
    }

    private static async Task SubmitAsync(HttpContext context, TributaryServer server, JobQueue queue, JobView view, ProjectTrust trust)
    {
        (Submission? added, int status, string? reason) = await TakeAsync(context, server, queue, trust);
        if (added is null)
        {
            await Problem.WriteAsync(context, status, "the job cannot be taken", reason!);
            return;
        }

        context.Response.StatusCode = status;
        await context.Response.WriteAsJsonAsync(view.Of(added), JobJson.Default.JobDocument);
    }

    private static async Task<(Submission? Added, int Status, string? Reason)> TakeAsync(HttpContext context, TributaryServer server, JobQueue queue, ProjectTrust trust)
    {
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = SubmissionBytesMax;
        }

        try
        {
            SignedJobDocument signed = await context.Request.ReadFromJsonAsync(JobJson.Default.SignedJobDocument, context.RequestAborted) ?? throw new JsonException("null");
            Party submitter = new PartySignature(signed.Statement, signed.Signature, signed.Certificate).Require(JobStatement.MediaType, trust);
            if (submitter.Role != PartyRole.Admin)
            {
                return (null, StatusCodes.Status403Forbidden, $"The job is signed by {submitter}; only administrators submit jobs.");
            }

            var statement = JobStatement.Parse(signed.Statement);
            if (Submittable.Refuse(statement, server.Options) is { } unfit)
            {
                return (null, StatusCodes.Status422UnprocessableEntity, unfit);
            }

            bool isNew = queue.Submissions.Find(statement.Job.Name) is null;
            Submission added = queue.Add(statement, signed, submitter.ToString());
            return added.Signed.Statement == signed.Statement
                ? (added, isNew ? StatusCodes.Status201Created : StatusCodes.Status200OK, null)
                : (null, StatusCodes.Status409Conflict, $"A job named '{added.Name}' is there already ({added.State}, submitted by {added.Submitter}). Give this one another name, or delete that one.");
        }
        catch (CertificateRefusedException e)
        {
            return (null, StatusCodes.Status403Forbidden, $"The signature of the job is refused: {e.Message}.");
        }
        catch (BadHttpRequestException e)
        {
            return (null, e.StatusCode, e.Message);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or JobStatementException)
        {
            return (null, StatusCodes.Status400BadRequest, e.Message);
        }
    }

    private static async Task EventsAsync(HttpContext context, JobQueue queue, string job, TimeSpan longest, TimeProvider time)
    {
        if (!long.TryParse(context.Request.Query["after"], NumberStyles.None, CultureInfo.InvariantCulture, out long after))
        {
            after = 0;
        }

        TimeSpan wait = PreferredWait.Of(context.Request, longest) ?? TimeSpan.Zero;
        using var deadline = new CancellationTokenSource(wait, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, context.RequestAborted);
        while (true)
        {
            // Taken before looking, so that an event that comes meanwhile is not missed.
            Task added = queue.Events.Added;
            IReadOnlyList<EventDocument> events = queue.Events.After(job, after);
            if (events.Count > 0 || either.IsCancellationRequested)
            {
                await context.Response.WriteAsJsonAsync(events, JobJson.Default.IReadOnlyListEventDocument, cancellationToken: context.RequestAborted);
                return;
            }

            await added.WaitAsync(either.Token).ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
    }

    private static Task MovedAsync(HttpContext context, JobQueue queue, JobView view, string job, bool hasMoved, string otherwise) => hasMoved
        ? context.Response.WriteAsJsonAsync(view.Of(queue.Submissions.Find(job)!), JobJson.Default.JobDocument)
        : Problem.WriteAsync(context, StatusCodes.Status409Conflict, "the job stands elsewhere", $"Job '{job}' is {queue.Submissions.Find(job)?.State.ToString().ToLowerInvariant() ?? "gone"}: {otherwise}.");

    private static async Task DeleteAsync(HttpContext context, JobQueue queue, Submission job)
    {
        if (!await queue.DeleteAsync(job.Name, context.Party().ToString()))
        {
            await Problem.WriteAsync(context, StatusCodes.Status409Conflict, "the job has not ended", $"Job '{job.Name}' has not ended; end it first with 'job abort'.");
            return;
        }

        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    /// <summary>A job's last or best model as a file; the one it started from while there is no other.</summary>
    private static ServedObject? FindModel(HttpContext context, TributaryServer server, JobQueue queue)
    {
        string name = (string)context.Request.RouteValues["job"]!;
        if (JobName.Refuse(name) is not null || queue.Submissions.Find(name) is not { } job || server.Journal.Models(name) is not { Count: > 0 } models)
        {
            return null;
        }

        int? round = (string)context.Request.RouteValues["which"]! switch
        {
            "best" => JobRun.Best(models),
            "last" => models[^1].Round,
            _ => null,
        };
        if (round is not { } wanted)
        {
            return null;
        }

        string path = wanted == 0 ? queue.Models.FileOf(job.Statement.Model.Digest) : server.FolderOf(name).Model(wanted);
        // A fetch is noted once: where it takes the first bytes.
        HttpRequest asked = context.Request;
        if (HttpMethods.IsGet(asked.Method) && !asked.Path.Value!.EndsWith("/descriptor", StringComparison.Ordinal)
            && (asked.Headers.Range.Count == 0 || asked.Headers.Range.ToString().StartsWith("bytes=0-", StringComparison.Ordinal)))
        {
            queue.Audit.Add(context.Party().ToString(), "model-fetched", name, $"round {wanted}");
        }

        return queue.Offered.Offer($"{name}-round-{wanted:D5}", path);
    }
}
