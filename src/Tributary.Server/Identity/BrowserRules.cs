using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Tributary.Provisioning;
using Tributary.Server.Endpoints;

namespace Tributary.Server.Identity;

/// <summary>
/// What protects people whose browser holds their certificate. A browser shows it to the server whichever site's page sends the request, so a
/// request that changes something has to come from the dashboard's own page; and no other page may show or read what the server answers.
/// </summary>
internal static class BrowserRules
{
    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    /// <summary>Refuses other sites' requests; after it is known who asks.</summary>
    /// <param name="application">The server.</param>
    /// <param name="refused">Told of each that is refused, with the address.</param>
    public static void Use(IApplicationBuilder application, Action<Party, string> refused) => application.Use(async (context, next) =>
    {
        if (context.Party().Role is not (PartyRole.Admin or PartyRole.Viewer))
        {
            await next(context);
            return;
        }

        IHeaderDictionary headers = context.Response.Headers;
        headers.ContentSecurityPolicy = Policy;
        headers.XContentTypeOptions = "nosniff";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Referrer-Policy"] = "no-referrer";
        headers.CacheControl = "no-store";
        if (OtherOrigin(context.Request) is { } other)
        {
            refused(context.Party(), $"{context.Request.Method} {(context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText?.Trim('/')}, from another site");
            await Problem.WriteAsync(
                context, StatusCodes.Status403Forbidden, "from another site",
                $"A browser sent this request for {other}. Only the dashboard's own page may change something here.");
            return;
        }

        await next(context);
    });

    /// <summary>
    /// Where a browser says that a changing request comes from, if that is not this server's own page. Browsers send one of these headers at
    /// least and let no script set them; programs that are no browsers send neither, and nobody can make them send a request.
    /// </summary>
    private static string? OtherOrigin(HttpRequest request)
    {
        if (HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method))
        {
            return null;
        }

        if (request.Headers.TryGetValue("Sec-Fetch-Site", out var site))
        {
            return site == "same-origin" ? null : $"a page that is '{site}'";
        }

        return !request.Headers.TryGetValue("Origin", out var origin) || origin == $"{request.Scheme}://{request.Host}" ? null : $"a page of {origin}";
    }
}
