using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Tributary.Server.Identity;
using Tributary.Server.Jobs;
using Tributary.Transport;

namespace Tributary.Server.Endpoints;

/// <summary>The objects of a job's open step, for the sites that take part in it.</summary>
internal static class ObjectEndpoints
{
    public static void Map(IEndpointRouteBuilder routes, TributaryServer server, TimeProvider time)
    {
        var handlers = new ObjectHandlers(new ServingOptions(), time, routes.ServiceProvider.GetRequiredService<ILogger<ObjectHandlers>>());
        routes.MapObject("v1/jobs/{job}/objects/{name}", handlers, context => ValueTask.FromResult(Find(context, server))).WithSummary("An object of an open step, in parts: a message to the site, or its base");
    }

    private static ServedObject? Find(HttpContext context, TributaryServer server)
    {
        JobRun? run = server.Find((string)context.Request.RouteValues["job"]!);
        if (run is null || !run.Job.Sites.Contains(context.Site(), StringComparer.Ordinal))
        {
            return null;
        }

        string name = (string)context.Request.RouteValues["name"]!;
        foreach (OpenStep open in run.Steps.Open)
        {
            if (open.FindObject(name) is { } found)
            {
                // A transfer is a sign of life, too.
                open.State.Heard(context.Site());
                return found;
            }
        }

        return null;
    }
}
