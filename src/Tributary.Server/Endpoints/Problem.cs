using Microsoft.AspNetCore.Http;

namespace Tributary.Server.Endpoints;

/// <summary>Errors as problem+json (RFC 9457).</summary>
internal static class Problem
{
    public static Task WriteAsync(HttpContext context, int status, string title, string detail) =>
        Results.Problem(detail, statusCode: status, title: title).ExecuteAsync(context);

    public static Task StepGoneAsync(HttpContext context) => WriteAsync(
        context, StatusCodes.Status410Gone, "the step is closed", "The step is closed, or the job has ended: its work is no longer needed.");
}
