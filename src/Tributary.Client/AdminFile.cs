using Tributary.Configuration;
using Tributary.Provisioning;

namespace Tributary.Client;

/// <summary>An administrator's or viewer's configuration, admin.yaml or viewer.yaml in the kit.</summary>
/// <param name="Server">The server's address.</param>
/// <param name="Proxy">The proxy to go out through; null for the one that the environment names, if any.</param>
public sealed record AdminFile(Uri Server, Uri? Proxy)
{
    /// <summary>Reads the configuration of a kit.</summary>
    /// <param name="kit">The kit.</param>
    /// <exception cref="ProvisioningException">There is none.</exception>
    /// <exception cref="YamlFileException">Keys or values are wrong; the message lists all of them, each with its line.</exception>
    public static AdminFile Read(Kit kit)
    {
        string name = kit.ConfigurationPath;
        string yaml = File.Exists(name) ? File.ReadAllText(name) : throw new ProvisioningException($"{name} is not there; a kit as 'provision' makes it has it");
        var errors = new List<YamlFileError>();
        YamlMap map = YamlMap.Load(yaml, name, "that of a new kit", errors);
        (Uri server, Uri? proxy) = ServerAddress.Read(map);
        map.RefuseOtherKeys();
        return errors.Count == 0 ? new AdminFile(server, proxy) : throw new YamlFileException(name, errors);
    }

    /// <summary>Where the server is.</summary>
    /// <param name="isInsecure">On loopback, without TLS, as it was started for a trial.</param>
    public Uri Address(bool isInsecure) => isInsecure ? new UriBuilder(Uri.UriSchemeHttp, "127.0.0.1", Server.Port).Uri : Server;

    /// <summary>Makes the client that speaks with the server as the kit's party; nothing is sent yet.</summary>
    /// <param name="kit">The party's kit.</param>
    /// <param name="isInsecure">Without TLS, to a server on loopback that was started so.</param>
    public HttpClient Connect(Kit kit, bool isInsecure) =>
        ServerConnection.Open(Address(isInsecure), isInsecure ? null : kit, isInsecure ? kit.Party.ToString() : null, isInsecure ? null : Proxy);
}
