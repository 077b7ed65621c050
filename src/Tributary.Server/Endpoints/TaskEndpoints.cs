using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Primitives;
using Tributary.Federation.Messages;
using Tributary.Federation.Rounds;
using Tributary.Federation.Tasks;
using Tributary.Federation.Wire;
using Tributary.Server.Identity;
using Tributary.Server.Jobs;
using Tributary.Server.Storage;
using Tributary.Tensors;
using Tributary.Transport;

namespace Tributary.Server.Endpoints;

/// <summary>What sites say and are told: their next task, how far they have come, that they failed, their result.</summary>
internal static class TaskEndpoints
{
    public const string StepPattern = "v1/jobs/{job}/rounds/{round:int}/steps/{step:int}";

    public static void Map(IEndpointRouteBuilder routes, TributaryServer server, TimeProvider time)
    {
        routes.MapGet(Routes.NextTask, context => NextAsync(context, server, time)).WithSummary("The site's next task; with 'Prefer: wait=N' it waits for one, then 204").WithDocuments(gives: WireJson.Default.TaskDocument);
        routes.MapPost(StepPattern + "/progress", context => ProgressAsync(context, server)).WithSummary("How far the site has come; also the sign that it lives").WithDocuments(WireJson.Default.TaskProgress);
        routes.MapPost(StepPattern + "/failure", context => FailureAsync(context, server)).WithSummary("The site cannot do the task").WithDocuments(WireJson.Default.FailureDocument);
        routes.MapPost(StepPattern + "/result", context => ResultAsync(context, server)).WithSummary("The site's result, whose message has been uploaded before").WithDocuments(WireJson.Default.ResultDocument);
    }

    /// <summary>The open step that a request's path names, if the site takes part in it.</summary>
    public static (JobRun Run, OpenStep Step)? FindStep(HttpContext context, TributaryServer server)
    {
        RouteValueDictionary values = context.Request.RouteValues;
        JobRun? run = server.Find((string)values["job"]!);
        return run is not null && run.Job.Sites.Contains(context.Site(), StringComparer.Ordinal) && run.Steps.Find((string)values["round"]!, (string)values["step"]!) is { } open
            ? (run, open)
            : null;
    }

    private static async Task NextAsync(HttpContext context, TributaryServer server, TimeProvider time)
    {
        TimeSpan wait = PreferredWait.Of(context.Request, server.Options.LongPollMax) ?? TimeSpan.Zero;
        using var deadline = new CancellationTokenSource(wait, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, context.RequestAborted);
        StringValues except = context.Request.Query[Routes.Except];
        while (true)
        {
            // Taken before looking, so that a step that is opened meanwhile is not missed.
            Task opened = server.StepOpened;
            foreach (JobRun run in server.Running)
            {
                if (!except.Contains(run.Job.Name, StringComparer.Ordinal) && run.Steps.NextFor(context.Site()) is { } open)
                {
                    open.State.Heard(context.Site());
                    await context.Response.WriteAsJsonAsync(TaskFor(run, open, context.Site()), WireJson.Default.TaskDocument, cancellationToken: context.RequestAborted);
                    return;
                }
            }

            await opened.WaitAsync(either.Token).ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            if (either.IsCancellationRequested)
            {
                context.Response.StatusCode = StatusCodes.Status204NoContent;
                return;
            }
        }
    }

    /// <summary>A task that cannot be handed out is the step's fault: sites would ask for it for ever.</summary>
    private static TaskDocument TaskFor(JobRun run, OpenStep open, string site)
    {
        try
        {
            return open.TaskFor(site) with { Signed = run.Signed };
        }
        catch (Exception e) when (e is SqliteException or IOException)
        {
            open.State.Break(e.Message);
            open.Signal();
            throw;
        }
    }

    private static async Task ProgressAsync(HttpContext context, TributaryServer server)
    {
        if (await ReadAsync(context, WireJson.Default.TaskProgress) is not { } progress)
        {
            return;
        }

        if (FindStep(context, server) is not var (run, open))
        {
            await Problem.StepNotOpenAsync(context, server);
            return;
        }

        bool isNews = open.State.Heard(context.Site(), progress);
        foreach (JobRun other in server.Running.Where(other => other != run))
        {
            // A site does one task at a time: what waits for it meanwhile has not lost it.
            other.Steps.NextFor(context.Site())?.State.Heard(context.Site());
        }

        if (isNews)
        {
            run.Report(new SiteProgressed(open.Round, context.Site(), progress));
        }

        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private static async Task FailureAsync(HttpContext context, TributaryServer server)
    {
        if (await ReadAsync(context, WireJson.Default.FailureDocument) is not { } failure)
        {
            return;
        }

        if (FindStep(context, server) is not var (run, open))
        {
            await Problem.StepNotOpenAsync(context, server);
            return;
        }

        bool wasNeeded = open.State.Needs(context.Site());
        if (!open.WasHanded(context.Site(), failure.Attempt))
        {
            await Problem.StepNotOpenAsync(context, server);
            return;
        }

        if (!failure.IsTransient)
        {
            open.State.Fail(context.Site(), failure.Reason);
        }
        else if (open.State.Retry(context.Site(), failure.Attempt, failure.Reason))
        {
            run.Report(new TaskRetried(open.Round, context.Site(), failure.Reason));
        }

        if (wasNeeded && !open.State.Needs(context.Site()))
        {
            run.Report(new TaskFailed(open.Round, context.Site(), failure.Reason));
        }

        open.Signal();
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private static async Task ResultAsync(HttpContext context, TributaryServer server)
    {
        if (await ReadAsync(context, WireJson.Default.ResultDocument) is not { } result)
        {
            return;
        }

        if (FindStep(context, server) is not var (run, open))
        {
            await Problem.StepNotOpenAsync(context, server);
            return;
        }

        Answer? answer = await open.UploadOf(context.Site()).CountAsync(
            result.Attempt, committed => Count(result, committed, run, open, context.Site(), context.RequestAborted), context.RequestAborted);
        if (answer is null || answer.Status == StatusCodes.Status410Gone)
        {
            await Problem.StepNotOpenAsync(context, server);
        }
        else if (answer.Reason is not null)
        {
            await Problem.WriteAsync(context, answer.Status, "the result cannot count", answer.Reason);
        }
        else
        {
            context.Response.StatusCode = answer.Status;
        }
    }

    /// <summary>Looks at a result and journals it.</summary>
    private static Answer Count(ResultDocument result, string? committed, JobRun run, OpenStep open, string site, CancellationToken cancellationToken)
    {
        if (Refuse(result, committed, run, open) is { } reason)
        {
            return Refused(StatusCodes.Status422UnprocessableEntity, reason);
        }

        var row = new ResultRow(open.Round, open.Step, site, result.Attempt, result.Samples, result.Metrics, result.Digest, result.Meaning) { Answer = result.Answer };
        try
        {
            return new Answer(run.AddResult(open, row, cancellationToken) ? StatusCodes.Status204NoContent : StatusCodes.Status410Gone, null);
        }
        catch (TensorFormatException e)
        {
            return Refused(StatusCodes.Status422UnprocessableEntity, e.Message);
        }
        catch (MessageRefusedException e)
        {
            return Refused(StatusCodes.Status409Conflict, e.Message);
        }

        Answer Refused(int status, string reason)
        {
            open.State.Object(site, reason);
            return new Answer(status, reason);
        }
    }

    private static string? Refuse(ResultDocument result, string? committed, JobRun run, OpenStep open)
    {
        if (open.Name == TaskNames.Train && (result.Samples <= 0 || result.Digest is null || result.Meaning is null))
        {
            return "A result of training needs a message, its meaning and a number of samples above zero.";
        }

        // An update weighs as much as it says: a count that a fault or a liar makes would drown everybody else's.
        if (result.Samples > run.Job.Aggregation.SamplesMax)
        {
            return $"It says that it was trained on {result.Samples} records, and samples_max is {run.Job.Aggregation.SamplesMax}.";
        }

        if (result.Metrics.FirstOrDefault(metric => !double.IsFinite(metric.Value)) is { Key: { } name })
        {
            return $"The figure '{name}' is not a finite number.";
        }

        if (result.Digest is null || result.Digest == committed)
        {
            return null;
        }

        return committed is null ? "Its message has not been committed." : $"Its message was committed as {committed}, but the result says {result.Digest}.";
    }

    private static async Task<T?> ReadAsync<T>(HttpContext context, JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return await context.Request.ReadFromJsonAsync(type, context.RequestAborted)
                ?? throw new JsonException("null");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or IOException)
        {
            await Problem.WriteAsync(context, StatusCodes.Status400BadRequest, "not the document expected here", e.Message);
            return null;
        }
    }

    /// <summary>What a site is told of its result: a status, and the reason where it is refused.</summary>
    private sealed record Answer(int Status, string? Reason);
}
