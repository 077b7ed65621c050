using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Tributary.Federation.Wire;
using Tributary.Server.Endpoints;

namespace Tributary.Server.Identity;

/// <summary>Says the server's version in every answer, and refuses who speaks another major one.</summary>
internal static class VersionCheck
{
    public static void Use(IApplicationBuilder application) => application.Use(async (context, next) =>
    {
        context.Response.Headers[ProtocolVersion.Header] = ProtocolVersion.Current;
        string? theirs = context.Request.Headers.TryGetValue(ProtocolVersion.Header, out var said) ? said.ToString() : null;
        if (ProtocolVersion.Refuse(theirs, "the site") is { } reason)
        {
            await Problem.WriteAsync(context, StatusCodes.Status400BadRequest, "another major version", $"At the server: {reason}.");
            return;
        }

        await next(context);
    });
}
