using System.Net;
using Tributary.Configuration;

namespace Tributary.Provisioning;

/// <summary>The parties of one federation, as project.yaml names them.</summary>
public sealed record ProjectFile
{
    private const int ServerPort = 8443;
    private const int CertificateDaysDefault = 365;
    private const int AuthorityDaysDefault = 3650;

    /// <summary>The project's name; it stands in the CA's certificate.</summary>
    public required string Name { get; init; }

    /// <summary>The server.</summary>
    public required Party Server { get; init; }

    /// <summary>The host names and IP addresses that the server is reached at; the first is the one that kits say.</summary>
    public required IReadOnlyList<string> Addresses { get; init; }

    /// <summary>The server's port.</summary>
    public int Port { get; init; } = ServerPort;

    /// <summary>Sites, administrators and viewers, in the order of the file.</summary>
    public required IReadOnlyList<Party> Others { get; init; }

    /// <summary>The names of those sites that make their own key.</summary>
    public IReadOnlyList<string> OwnKeys { get; init; } = [];

    /// <summary>How long a party's certificate is valid.</summary>
    public int CertificateDays { get; init; } = CertificateDaysDefault;

    /// <summary>How long the CA's certificate is valid.</summary>
    public int AuthorityDays { get; init; } = AuthorityDaysDefault;

    /// <summary>The server's address, as sites and administrators are given it.</summary>
    public Uri ServerUri => new UriBuilder(Uri.UriSchemeHttps, Addresses[0], Port).Uri;

    /// <summary>All parties, the server first.</summary>
    public IEnumerable<Party> Parties => Others.Prepend(Server);

    /// <summary>Reads a project file.</summary>
    /// <param name="yaml">Its text.</param>
    /// <param name="name">What to call it in errors.</param>
    /// <exception cref="YamlFileException">Keys or values are wrong; the message lists all of them, each with its line.</exception>
    public static ProjectFile Parse(string yaml, string name)
    {
        var errors = new List<YamlFileError>();
        YamlMap map = YamlMap.Load(yaml, name, "'provision init', which writes one", errors);
        string project = map.Text("name") ?? map.Missing("name", "a name for the project");
        if (project.Length > 0)
        {
            map.CheckName("name", project);
        }

        (string server, string[] addresses, int port) = ReadServer(map);
        string[] sites = ReadNames(map, "sites");
        if (sites.Length == 0)
        {
            map.Missing("sites", "at least one site, such as [clinic-a, clinic-b]");
        }

        Party[] others =
        [
            .. sites.Select(site => new Party(PartyRole.Site, site)),
            .. ReadNames(map, "admins").Select(admin => new Party(PartyRole.Admin, admin)),
            .. ReadNames(map, "viewers").Select(viewer => new Party(PartyRole.Viewer, viewer)),
        ];
        string[] ownKeys = ReadNames(map, "own_keys");
        if (ownKeys.Except(sites).FirstOrDefault() is { } stranger)
        {
            map.Wrong("own_keys", $"'own_keys' names '{stranger}', which is not among 'sites'");
        }

        var file = new ProjectFile
        {
            Name = project,
            Server = new Party(PartyRole.Server, server),
            Addresses = addresses,
            Port = port,
            Others = others,
            OwnKeys = ownKeys,
            CertificateDays = (int)(map.Integer("certificate_days", 1, 3650) ?? CertificateDaysDefault),
            AuthorityDays = (int)(map.Integer("ca_days", 1, 36_500) ?? AuthorityDaysDefault),
        };
        map.RefuseOtherKeys();
        return errors.Count == 0 ? file : throw new YamlFileException(name, errors);
    }

    private static (string Name, string[] Addresses, int Port) ReadServer(YamlMap map)
    {
        const string NameDefault = "server";
        if (map.Map("server") is not { } server)
        {
            map.Missing("server", "where the server is reached, such as 'server: { addresses: [fl.example.org] }'");
            return (NameDefault, [], ServerPort);
        }

        string name = server.Text("name") ?? NameDefault;
        if (server.Keys.Contains("name"))
        {
            server.CheckName("name", name);
        }

        string[] addresses = server.Texts("addresses") ?? [server.Missing("addresses", "the host names and IP addresses that the server is reached at")];
        foreach (string address in addresses.Where(address => address.Length > 0 && !IsAddress(address)))
        {
            server.Wrong("addresses", $"'{address}' is no host name and no IP address; give it without scheme and port");
        }

        int port = (int)(server.Integer("port", 1, IPEndPoint.MaxPort) ?? ServerPort);
        server.RefuseOtherKeys();
        return (name, addresses, port);
    }

    private static bool IsAddress(string address) =>
        IPAddress.TryParse(address, out _) || (Uri.CheckHostName(address) == UriHostNameType.Dns && !address.Contains('_', StringComparison.Ordinal));

    private static string[] ReadNames(YamlMap map, string key)
    {
        string[] names = map.Keys.Contains(key) ? map.Texts(key) ?? [] : [];
        foreach (string name in names)
        {
            if (JobName.Refuse(name) is { } reason)
            {
                map.Wrong(key, reason);
            }
        }

        if (names.GroupBy(name => name, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1) is { } twice)
        {
            map.Wrong(key, $"'{key}' names '{twice.Key}' twice");
        }

        return names;
    }
}
