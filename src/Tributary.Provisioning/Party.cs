using Tributary.Configuration;

namespace Tributary.Provisioning;

/// <summary>What a party of a federation may do.</summary>
public enum PartyRole
{
    /// <summary>Coordinates: hands tasks to sites and merges their results.</summary>
    Server,

    /// <summary>Trains on its own data, and sees its own tasks only.</summary>
    Site,

    /// <summary>Submits and ends jobs.</summary>
    Admin,

    /// <summary>Looks, and changes nothing.</summary>
    Viewer,
}

/// <summary>
/// Who somebody is in a federation: a role and a name, written <c>site/clinic</c>. In a certificate it stands as the one URI of its subject's
/// alternative names, <c>tributary://site/clinic</c>.
/// </summary>
/// <param name="Role">The role.</param>
/// <param name="Name">The name, see <see cref="JobName"/>; one of its role.</param>
public sealed record Party(PartyRole Role, string Name)
{
    private const string Scheme = "tributary://";

    /// <summary>The identity as certificates carry it.</summary>
    public string Uri => Scheme + this;

    /// <summary>Reads <c>role/name</c>; null where it is none.</summary>
    public static Party? Parse(string text)
    {
        string[] parts = text.Split('/');
        if (parts.Length != 2 || JobName.Refuse(parts[1]) is not null)
        {
            return null;
        }

        foreach (PartyRole role in Enum.GetValues<PartyRole>())
        {
            if (Word(role) == parts[0])
            {
                return new Party(role, parts[1]);
            }
        }

        return null;
    }

    /// <summary>Reads <see cref="Uri"/>; null where it is none.</summary>
    public static Party? ParseUri(string uri) => uri.StartsWith(Scheme, StringComparison.Ordinal) ? Parse(uri[Scheme.Length..]) : null;

    /// <summary>The role as it is written: <c>server</c>, <c>site</c>, <c>admin</c> or <c>viewer</c>.</summary>
    public static string Word(PartyRole role) => role switch
    {
        PartyRole.Server => "server",
        PartyRole.Site => "site",
        PartyRole.Admin => "admin",
        _ => "viewer",
    };

    /// <inheritdoc/>
    public override string ToString() => $"{Word(Role)}/{Name}";
}
