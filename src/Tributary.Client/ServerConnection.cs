using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Tributary.Provisioning;

namespace Tributary.Client;

/// <summary>
/// A party's connections to the server. With a kit: TLS with the party's certificate, to a server whose own is of the project's CA, for a
/// server, and for the very name in the address; through a proxy where there is one, which sees the encrypted bytes only.
/// </summary>
public static class ServerConnection
{
    // So that a name which has come to mean another machine is looked up again.
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);

    private const int KeepAliveSeconds = 30;
    private const int KeepAliveProbes = 3;
    private static readonly TimeSpan ConnectMax = TimeSpan.FromSeconds(30);

    /// <summary>Makes the client that speaks with the server. It has no timeout: uploads and long polls take as long as they take.</summary>
    /// <param name="server">The server's address.</param>
    /// <param name="kit">The party's kit; null for a server on loopback, without TLS.</param>
    /// <param name="token">The bearer token that is shown where there is no kit; null for none.</param>
    /// <param name="proxy">The proxy to go out through; null for the one that the environment names, if any.</param>
    public static HttpClient Open(Uri server, Kit? kit, string? token, Uri? proxy)
    {
        var handler = new SocketsHttpHandler { PooledConnectionLifetime = Lifetime, ConnectTimeout = ConnectMax, ConnectCallback = ConnectAsync };
        if (proxy is not null)
        {
            handler.Proxy = new WebProxy(proxy) { Credentials = CredentialsOf(proxy) };
        }

        if (kit is not null)
        {
            handler.SslOptions = Tls(kit, server.Host);
        }

        var client = new HttpClient(new VersionHandler(handler)) { BaseAddress = server, Timeout = Timeout.InfiniteTimeSpan };
        if (token is not null)
        {
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }

        return client;
    }

    /// <summary>
    /// A connection that asks whether the other end is still there. Whoever waits for an answer sends nothing, and where the server's machine or a firewall went away without a word it would wait for ever.
    /// </summary>
    private static async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, KeepAliveSeconds);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, KeepAliveSeconds / KeepAliveProbes);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, KeepAliveProbes);
            await socket.ConnectAsync(context.DnsEndPoint, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static SslClientAuthenticationOptions Tls(Kit kit, string host) => new()
    {
        ClientCertificateContext = SslStreamCertificateContext.Create(kit.Certificate, additionalCertificates: null, offline: true),
        EnabledSslProtocols = TlsVersion.Protocols,
        AllowRenegotiation = false,
        CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        CertificateChainPolicy = kit.Trust.NewChainPolicy(PartyRole.Server),
        RemoteCertificateValidationCallback = (_, certificate, _, errors) => IsServer(kit.Trust, certificate as X509Certificate2, host, errors),
    };

    /// <summary>What stands against it is thrown rather than answered: the reason is for whoever reads the party's log.</summary>
    private static bool IsServer(ProjectTrust trust, X509Certificate2? certificate, string host, SslPolicyErrors errors)
    {
        if (certificate is null)
        {
            throw new CertificateRefusedException("the server shows no certificate");
        }

        // A list that cannot be used is said where the kit is opened; meanwhile the one before is in force.
        _ = trust.Refresh();
        Party party = trust.Require(certificate);
        if (party.Role != PartyRole.Server)
        {
            throw new CertificateRefusedException($"what answers at {host} shows the certificate of {party}, which is no server");
        }

        return !errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch) ? true : throw new CertificateRefusedException(
            $"the certificate of {party} does not name '{host}'; add it to the server's addresses in the project file and renew the certificate, or mend 'server' in the kit's configuration");
    }

    private static NetworkCredential? CredentialsOf(Uri proxy)
    {
        string[] parts = proxy.UserInfo.Split(':', 2);
        return parts is [{ Length: > 0 } user, ..] ? new NetworkCredential(Uri.UnescapeDataString(user), parts.Length == 2 ? Uri.UnescapeDataString(parts[1]) : string.Empty) : null;
    }
}
