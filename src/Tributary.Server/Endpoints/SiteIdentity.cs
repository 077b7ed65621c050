using System.Net.Http.Headers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Tributary.Server.Endpoints;

/// <summary>Who asks: the site whose bearer token a request shows (RFC 6750). A request without a known one gets 401 everywhere.</summary>
internal static class SiteIdentity
{
    private static readonly object Key = new();

    public static void Use(IApplicationBuilder application, IReadOnlyDictionary<string, string> siteByToken) => application.Use(async (context, next) =>
    {
        if (AuthenticationHeaderValue.TryParse(context.Request.Headers.Authorization, out AuthenticationHeaderValue? header)
            && header.Scheme == "Bearer" && siteByToken.TryGetValue(header.Parameter ?? string.Empty, out string? site))
        {
            context.Items[Key] = site;
            await next(context);
            return;
        }

        context.Response.Headers.WWWAuthenticate = "Bearer";
        await Problem.WriteAsync(context, StatusCodes.Status401Unauthorized, "no known token", "The request shows no bearer token of a site that this server knows.");
    });

    public static string Site(this HttpContext context) => (string)context.Items[Key]!;
}
