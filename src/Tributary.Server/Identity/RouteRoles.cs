using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Tributary.Provisioning;
using Tributary.Server.Endpoints;

namespace Tributary.Server.Identity;

/// <summary>
/// Which roles an address is for. An address that says nothing is for nobody: a route that somebody adds without a rule answers 403 until it
/// has one.
/// </summary>
internal static class RouteRoles
{
    /// <summary>Says for which roles endpoints are.</summary>
    public static T ForRoles<T>(this T endpoints, params PartyRole[] roles)
        where T : IEndpointConventionBuilder => endpoints.WithMetadata(new Rule(roles));

    /// <summary>The roles that an endpoint is for.</summary>
    public static IReadOnlyList<PartyRole> Of(Endpoint endpoint) => endpoint.Metadata.GetMetadata<Rule>()?.Roles ?? [];

    /// <summary>Refuses whom an address is not for, and says so to whoever keeps a record; after routing, and after it is known who asks.</summary>
    public static void Use(IApplicationBuilder application, Action<Party, string> refused) => application.Use(async (context, next) =>
    {
        // The router's own answer to a method that an address does not have is no address.
        if (context.GetEndpoint() is RouteEndpoint endpoint && !Of(endpoint).Contains(context.Party().Role))
        {
            refused(context.Party(), $"{context.Request.Method} {endpoint.RoutePattern.RawText?.Trim('/')}");
            await Problem.WriteAsync(context, StatusCodes.Status403Forbidden, "not for this role", $"This address is not for {context.Party()}.");
            return;
        }

        await next(context);
    });

    private sealed record Rule(IReadOnlyList<PartyRole> Roles);
}
