namespace Tributary.Provisioning;

/// <summary>The names of the files in a kit.</summary>
public static class KitFiles
{
    /// <summary>The party's certificate.</summary>
    public const string Certificate = "certificate.pem";

    /// <summary>The party's key; readable for its owner only.</summary>
    public const string Key = "key.pem";

    /// <summary>The certificate of the project's CA.</summary>
    public const string Authority = "ca.pem";

    /// <summary>The CA's list of revoked certificates; the newest belongs to every party.</summary>
    public const string Revoked = "crl.pem";

    /// <summary>The script that starts a server or a site.</summary>
    public const string Start = "start.sh";

    /// <summary>The configuration of a party.</summary>
    public static string Configuration(PartyRole role) => $"{Party.Word(role)}.yaml";

    /// <summary>The systemd unit of a server or a site.</summary>
    public static string Unit(Party party) => party.Role == PartyRole.Server ? "tributary-server.service" : $"tributary-{Party.Word(party.Role)}-{party.Name}.service";
}
