using System.Net;
using System.Net.Sockets;
using Tributary.Provisioning;

namespace Tributary.Server;

/// <summary>What stands between a server's kit and a server that runs.</summary>
public static class ServerCheckup
{
    private const long FreeBytesMin = 256L << 20;

    /// <summary>Checks the port and the folder.</summary>
    public static IEnumerable<Finding> Look(ServerOptions options)
    {
        yield return LookAtPort(options);
        foreach (Finding finding in KitCheckup.LookAtFolder(options.Folder, FreeBytesMin))
        {
            yield return finding;
        }

        yield return TlsVersion.Has13
            ? Finding.Good("TLS", "1.3")
            : Finding.Warning("TLS", "this platform has no TLS 1.3, so connections use TLS 1.2", "sites of other platforms need 1.3: run the server on Linux or a current Windows");
        string authority = Path.Combine(options.Kit!.Folder, "..", "ca", "key.pem");
        yield return File.Exists(authority)
            ? Finding.Warning("authority", $"the key of the certificate authority is on this machine ({Path.GetFullPath(authority)})", "keep it elsewhere: whoever breaks into the server could make certificates of anybody")
            : Finding.Good("authority", "its key is not here");
    }

    private static Finding LookAtPort(ServerOptions options)
    {
        using var listener = new TcpListener(options.Address ?? IPAddress.Any, options.Port);
        try
        {
            listener.Start();
            return Finding.Good("port", $"{options.Port} is free");
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            return Finding.Warning("port", $"{options.Port} is in use", "fine, if it is this server that runs; otherwise choose another 'port', or end what listens there");
        }
        catch (SocketException e)
        {
            return Finding.Fault("port", $"cannot listen on {options.Address?.ToString() ?? "any address"}, port {options.Port}: {e.Message}", "mend 'address' and 'port' in server.yaml");
        }
    }
}
