using Tributary.Configuration;

namespace Tributary.Client;

/// <summary>How a configuration says where the server is.</summary>
public static class ServerAddress
{
    /// <summary>Reads the keys 'server', which has to be there, and 'proxy'. What is wrong goes to the map's errors.</summary>
    public static (Uri Server, Uri? Proxy) Read(YamlMap map)
    {
        Uri? server = Read(map, "server", [Uri.UriSchemeHttps]);
        if (server is null)
        {
            map.Missing("server", "the server's address, such as https://fl.example.org:8443");
        }

        return (server ?? new Uri("https://localhost"), Read(map, "proxy", [Uri.UriSchemeHttp, Uri.UriSchemeHttps]));
    }

    private static Uri? Read(YamlMap map, string key, string[] schemes)
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
