using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Tributary.Server.Endpoints;

/// <summary>Errors as problem+json (RFC 9457).</summary>
internal static class Problem
{
    public static Task WriteAsync(HttpContext context, int status, string title, string detail) =>
        Results.Problem(detail, statusCode: status, title: title).ExecuteAsync(context);

    /// <summary>
    /// The step that a request's path names does not take work: for good, or because the server was started again and has not gone on
    /// with the job yet. The first makes a site throw its work away, so the journal decides.
    /// </summary>
    public static Task StepNotOpenAsync(HttpContext context, TributaryServer server)
    {
        RouteValueDictionary values = context.Request.RouteValues;
        string job = (string)values["job"]!;
        if (server.Find(job)?.Open is null && server.Journal.IsStepOpen(job, Number(values, "round"), Number(values, "step")))
        {
            context.Response.Headers.RetryAfter = "1";
            return WriteAsync(context, StatusCodes.Status503ServiceUnavailable, "the job is not running yet", "The server has not gone on with this job yet. Ask again.");
        }

        return WriteAsync(context, StatusCodes.Status410Gone, "the step is closed", "The step is closed, the job has ended, or a later attempt has taken over: this work is no longer needed.");
    }

    private static int Number(RouteValueDictionary values, string name) => int.Parse((string)values[name]!, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
}
