using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Logging;
using Tributary.Provisioning;

namespace Tributary.Server.Identity;

/// <summary>
/// Mutual TLS: nobody gets as far as a first request without a certificate that the project's CA has issued, that is valid now and has not
/// been revoked.
/// </summary>
internal sealed partial class ServerTls
{
    private readonly Kit _kit;
    private readonly SslStreamCertificateContext _certificate;
    private readonly ILogger _logger;

    public ServerTls(Kit kit, ILogger logger)
    {
        _kit = kit;
        _logger = logger;
        // The CA signs itself and everybody has it, so it is not sent along; nor is anything fetched to complete the chain.
        _certificate = SslStreamCertificateContext.Create(kit.Certificate, additionalCertificates: null, offline: true);
        if (!TlsVersion.Has13)
        {
            LogOldTls(logger);
        }
    }

    public void Use(ListenOptions listen) => listen.UseHttps(new TlsHandshakeCallbackOptions { OnConnection = context => ValueTask.FromResult(Options(context)) });

    private SslServerAuthenticationOptions Options(TlsHandshakeCallbackContext context) => new()
    {
        ServerCertificateContext = _certificate,
        ClientCertificateRequired = true,
        EnabledSslProtocols = TlsVersion.Protocols,
        AllowRenegotiation = false,
        // A resumed session would show a certificate that was looked at in another handshake.
        AllowTlsResume = false,
        CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        CertificateChainPolicy = _kit.Trust.NewChainPolicy(PartyRole.Site),
        RemoteCertificateValidationCallback = (_, certificate, _, _) => IsWelcome(certificate as X509Certificate2, context.Connection.RemoteEndPoint),
    };

    /// <summary>Everything is checked here, against the kit's own trust and clock; what the platform thinks of the chain is not needed.</summary>
    private bool IsWelcome(X509Certificate2? certificate, EndPoint? from)
    {
        if (certificate is null)
        {
            LogRefused(_logger, from, "no certificate was shown");
            return false;
        }

        if (_kit.Trust.Refresh() is { } problem)
        {
            LogList(_logger, problem);
        }

        try
        {
            _kit.Trust.Require(certificate);
            return true;
        }
        catch (CertificateRefusedException e)
        {
            LogRefused(_logger, from, e.Message);
            return false;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "this platform has no TLS 1.3, so connections use TLS 1.2")]
    private static partial void LogOldTls(ILogger logger);

    [LoggerMessage(Level = LogLevel.Warning, Message = "a connection from {From} was refused: {Reason}")]
    private static partial void LogRefused(ILogger logger, EndPoint? from, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Problem}")]
    private static partial void LogList(ILogger logger, string problem);
}
