using Tributary.Configuration;
using Tributary.Provisioning;

namespace Tributary.Site;

/// <summary>A site's configuration, site.yaml in its kit.</summary>
public static class SiteFile
{
    /// <summary>Reads the configuration of a kit.</summary>
    /// <param name="kit">The site's kit, to whose folder paths are relative.</param>
    /// <exception cref="ProvisioningException">There is none.</exception>
    /// <exception cref="YamlFileException">Keys or values are wrong; the message lists all of them, each with its line.</exception>
    public static SiteOptions Read(Kit kit)
    {
        string name = kit.ConfigurationPath;
        string yaml = File.Exists(name) ? File.ReadAllText(name) : throw new ProvisioningException($"{name} is not there; a kit as 'provision' makes it has it");
        var errors = new List<YamlFileError>();
        YamlMap map = YamlMap.Load(yaml, name, "that of a new kit", errors);
        Uri? server = ReadAddress(map, "server", [Uri.UriSchemeHttps]);
        if (server is null)
        {
            map.Missing("server", "the server's address, such as https://fl.example.org:8443");
        }

        string folder = map.Text("folder") ?? map.Missing("folder", "where received models and what a trainer keeps lie, such as 'data'");
        var options = new SiteOptions
        {
            Name = kit.Party.Name,
            Folder = Path.Combine(kit.Folder, folder),
            Server = server ?? new Uri("https://localhost"),
            Kit = kit,
            Proxy = ReadAddress(map, "proxy", [Uri.UriSchemeHttp, Uri.UriSchemeHttps]),
        };
        options = options with { MessageBytesMax = map.Integer("message_bytes_max", 1, long.MaxValue) ?? options.MessageBytesMax };
        map.RefuseOtherKeys();
        return errors.Count == 0 ? options : throw new YamlFileException(name, errors);
    }

    private static Uri? ReadAddress(YamlMap map, string key, string[] schemes)
    {
        if (map.Text(key) is not { } text)
        {
            return null;
        }

        if (Uri.TryCreate(text, UriKind.Absolute, out Uri? address) && schemes.Contains(address.Scheme) && address.PathAndQuery == "/")
        {
            return address;
        }

        map.Wrong(key, $"'{key}' is '{text}', but should be an address without a path that begins with {string.Join(" or ", schemes.Select(scheme => scheme + "://"))}");
        return null;
    }
}
