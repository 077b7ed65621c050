using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Tributary.Configuration;
using Tributary.Provisioning;
using Tributary.Server.Endpoints;

namespace Tributary.Server.Identity;

/// <summary>
/// Who asks. With a kit: the party that the connection's certificate names, held against the CA's list at every request, so that a revoked
/// party's open connections end with it. Without, on loopback: the site whose bearer token a request shows (RFC 6750).
/// </summary>
internal static partial class SiteIdentity
{
    private static readonly object Key = new();

    public static void UseTokens(IApplicationBuilder application, ServerOptions options) => application.Use(async (context, next) =>
    {
        if (AuthenticationHeaderValue.TryParse(context.Request.Headers.Authorization, out AuthenticationHeaderValue? header)
            && header.Scheme == "Bearer" && PartyOf(header.Parameter ?? string.Empty, options) is { } party)
        {
            context.Items[Key] = party;
            await next(context);
            return;
        }

        context.Response.Headers.WWWAuthenticate = "Bearer";
        await Problem.WriteAsync(context, StatusCodes.Status401Unauthorized, "no known token", "The request shows no bearer token of a site that this server knows.");
    });

    public static void UseCertificates(IApplicationBuilder application, ProjectTrust trust, ILogger logger)
    {
        var known = new ConcurrentDictionary<Party, bool>();
        application.Use(async (context, next) =>
        {
            // The handshake lets nobody in without a certificate of the project's CA.
            X509Certificate2? certificate = context.Connection.ClientCertificate;
            if (certificate is null || CertificateIdentity.Of(certificate) is not { } party)
            {
                await Problem.WriteAsync(context, StatusCodes.Status401Unauthorized, "no certificate", "The connection shows no certificate of a party of this project.");
                return;
            }

            if (trust.Refresh() is { } problem)
            {
                LogList(logger, problem);
            }

            if (trust.RefuseNow(certificate) is { } reason)
            {
                // The connection stays, so that the party hears the reason at its next request; a new one is refused in the handshake, which cannot say it.
                LogRefused(logger, party, reason);
                await Problem.WriteAsync(context, StatusCodes.Status403Forbidden, "the certificate is not valid", $"Refused: {reason}.");
                return;
            }

            if (known.TryAdd(party, true))
            {
                IPAddress? from = context.Connection.RemoteIpAddress;
                LogKnown(logger, party, from is { IsIPv4MappedToIPv6: true } ? from.MapToIPv4() : from);
            }

            context.Items[Key] = party;
            await next(context);
        });
    }

    /// <summary>Who asks.</summary>
    public static Party Party(this HttpContext context) => (Party)context.Items[Key]!;

    /// <summary>The name of the site that asks, at an endpoint that is for sites.</summary>
    public static string Site(this HttpContext context) => context.Party().Name;

    private static Party? PartyOf(string token, ServerOptions options)
    {
        if (options.SiteByToken.TryGetValue(token, out string? site))
        {
            return new Party(PartyRole.Site, site);
        }

        return !options.TrustsNames ? null : JobName.Refuse(token) is null ? new Party(PartyRole.Site, token) : Provisioning.Party.Parse(token);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Party} has connected, from {Address}")]
    private static partial void LogKnown(ILogger logger, Party party, IPAddress? address);

    [LoggerMessage(Level = LogLevel.Warning, Message = "a request of {Party} was refused: {Reason}")]
    private static partial void LogRefused(ILogger logger, Party party, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Problem}")]
    private static partial void LogList(ILogger logger, string problem);
}
