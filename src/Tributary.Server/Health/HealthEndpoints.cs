using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Tributary.Federation.Wire;
using Tributary.Server.Endpoints;

namespace Tributary.Server.Health;

/// <summary>What a service manager, a container or a balancer asks: whether the process serves, and whether it can do its work.</summary>
internal static class HealthEndpoints
{
    public static void Map(IEndpointRouteBuilder routes, Readiness readiness)
    {
        routes.MapGet("healthz", static context => AnswerAsync(context, "healthy")).WithSummary("Whether the process serves");
        routes.MapGet("readyz", context =>
        {
            IReadOnlyList<string> faults = readiness.Faults();
            return faults.Count == 0
                ? AnswerAsync(context, "ready")
                : Problem.WriteAsync(context, StatusCodes.Status503ServiceUnavailable, "not ready", $"The server cannot work: {string.Join("; ", faults)}.");
        }).WithSummary("Whether the server can do its work; 503 where it cannot, with what is wrong");
    }

    private static Task AnswerAsync(HttpContext context, string status)
    {
        // An answer that a proxy kept would be of another moment.
        context.Response.Headers.CacheControl = "no-store";
        return context.Response.WriteAsync($"{status} {ProtocolVersion.Current}\n", context.RequestAborted);
    }
}
