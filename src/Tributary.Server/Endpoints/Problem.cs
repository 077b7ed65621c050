using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Tributary.Transport;

namespace Tributary.Server.Endpoints;

/// <summary>Errors as problem+json (RFC 9457).</summary>
internal static class Problem
{
    public static Task WriteAsync(HttpContext context, int status, string title, string detail, string? type = null) =>
        Results.Problem(detail, statusCode: status, title: title, type: type).ExecuteAsync(context);

    /// <summary>A site is told the bytes, and not the folder, which does not concern it.</summary>
    public static Task DiskFullAsync(HttpContext context, DiskFullException full)
    {
        string needed = full.BytesNeeded is { } bytes ? $"{bytes} bytes are needed, " : string.Empty;
        return WriteAsync(
            context, StatusCodes.Status507InsufficientStorage, "the server's disk is full",
            $"The server's disk is full: {needed}{full.BytesFree?.ToString(CultureInfo.InvariantCulture) ?? "too few"} are free. The job ends with that; whoever runs the server has to make room.",
            ProblemTypes.DiskFull);
    }

    /// <summary>
    /// The step that a request's path names does not take work: for good, or because the server was started again and has not gone on
    /// with the job yet. The first makes a site throw its work away, so the journal decides.
    /// </summary>
    public static Task StepNotOpenAsync(HttpContext context, TributaryServer server)
    {
        RouteValueDictionary values = context.Request.RouteValues;
        string job = (string)values["job"]!;
        if (server.IsStepAhead(job, Number(values, "round"), Number(values, "step")))
        {
            context.Response.Headers.RetryAfter = "1";
            return WriteAsync(context, StatusCodes.Status503ServiceUnavailable, "the job is not running yet", "The server has not gone on with this job yet. Ask again.");
        }

        return WriteAsync(context, StatusCodes.Status410Gone, "the step is closed", "The step is closed, the job has ended, or a later attempt has taken over: this work is no longer needed.");
    }

    private static int Number(RouteValueDictionary values, string name) => int.Parse((string)values[name]!, NumberStyles.Integer, CultureInfo.InvariantCulture);
}
