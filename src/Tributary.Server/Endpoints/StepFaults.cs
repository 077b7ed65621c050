using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Data.Sqlite;
using Tributary.Transport;

namespace Tributary.Server.Endpoints;

/// <summary>
/// A fault of the server's own disk or journal while it serves a step ends the job with its reason. A site that only saw a 500 would
/// try again for ever, and nobody would know why.
/// </summary>
internal static class StepFaults
{
    public static void Use(IApplicationBuilder application, TributaryServer server) => application.Use(async (context, next) =>
    {
        try
        {
            await next(context);
        }
        catch (Exception e) when (e is SqliteException or IOException and not BadHttpRequestException && !context.RequestAborted.IsCancellationRequested)
        {
            if (context.Request.RouteValues.ContainsKey("step") && TaskEndpoints.FindStep(context, server) is var (_, open))
            {
                open.State.Break(e.Message);
                open.Signal();
            }

            if (e is DiskFullException full && !context.Response.HasStarted)
            {
                await Problem.DiskFullAsync(context, full);
                return;
            }

            throw;
        }
    });
}
