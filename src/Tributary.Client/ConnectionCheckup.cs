using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using Tributary.Federation.Wire;
using Tributary.Provisioning;

namespace Tributary.Client;

/// <summary>Whether a party reaches its server, and is let in.</summary>
public static class ConnectionCheckup
{
    // Certificates are valid from an hour before they are made; clocks that differ by more than a few minutes confuse logs long before that.
    private static readonly TimeSpan ClockDifferenceMax = TimeSpan.FromMinutes(2);

    /// <summary>Connects once.</summary>
    /// <param name="kit">The party's kit.</param>
    /// <param name="server">The server's address.</param>
    /// <param name="proxy">The proxy that the configuration names, if any.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Ends the check.</param>
    public static async Task<IReadOnlyList<Finding>> LookAsync(Kit kit, Uri server, Uri? proxy, TimeProvider time, CancellationToken cancellationToken)
    {
        using HttpClient client = ServerConnection.Open(server, kit, token: null, proxy);
        try
        {
            // An address for the party's own role, of which any answer that is not a refusal will do.
            string address = kit.Party.Role == PartyRole.Site ? Routes.NextTask : JobRoutes.Jobs;
            using HttpResponseMessage response = await client.GetAsync(address, cancellationToken);
            DateTimeOffset now = time.GetUtcNow();
            Finding let = response.IsSuccessStatusCode
                ? Finding.Good("server", $"{server} answers, and lets {kit.Party} in")
                : Finding.Fault("server", $"{server} answers {(int)response.StatusCode}", "see the server's log, which says why; where the certificate was revoked, ask for a new kit");
            return response.Headers.Date is { } theirs ? [let, LookAtClock(now, theirs)] : [let];
        }
        catch (VersionMismatchException e)
        {
            return [Finding.Fault("server", e.Message, "install the same major version at both")];
        }
        catch (HttpRequestException e)
        {
            return [Explain(server, e)];
        }
    }

    private static Finding LookAtClock(DateTimeOffset now, DateTimeOffset theirs)
    {
        TimeSpan difference = (now - theirs).Duration();
        string says = $"it differs from the server's by {difference.TotalSeconds:0} s";
        return difference > ClockDifferenceMax
            ? Finding.Warning("clock", says, "set this machine's clock, or the server's (NTP); certificates and signatures go by it")
            : Finding.Good("clock", says);
    }

    private static Finding Explain(Uri server, HttpRequestException e)
    {
        Exception inmost = e;
        for (; inmost is not (CertificateRefusedException or SocketException) && inmost.InnerException is { } inner; inmost = inner)
        {
        }

        string says = $"{server} cannot be reached: {inmost.Message}";
        return inmost switch
        {
            SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain } =>
                Finding.Fault("server", says, "the name is not known here: mend 'server' in the configuration, or ask who runs the network"),
            SocketException { SocketErrorCode: SocketError.ConnectionRefused } =>
                Finding.Fault("server", says, "nothing listens there: is the server started, and are address and port those of its server.yaml?"),
            SocketException => Finding.Fault("server", says, "a firewall may be in the way: outbound connections to that port have to be allowed, or go through a proxy ('proxy')"),
            CertificateRefusedException => Finding.Fault("server", says, "this is not the project's server, or a proxy opens TLS on the way; compare the kit's ca.pem with the server's"),
            AuthenticationException or HttpIOException or IOException => Finding.Fault(
                "server", says, "the server has ended the connection: it does not take this kit's certificate (its log says why: revoked, expired or of another project)"),
            _ when e.StatusCode == HttpStatusCode.ProxyAuthenticationRequired => Finding.Fault("server", says, "the proxy asks for a name and a password: write them into 'proxy'"),
            _ => Finding.Fault("server", says, "see what is between this machine and the server"),
        };
    }
}
