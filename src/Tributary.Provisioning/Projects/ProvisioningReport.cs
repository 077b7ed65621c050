namespace Tributary.Provisioning;

/// <summary>What has become of a party.</summary>
public enum PartyState
{
    /// <summary>It has a kit that was made now.</summary>
    Created,

    /// <summary>It was there and has not been touched.</summary>
    Kept,

    /// <summary>It makes its own key, and has sent no request yet.</summary>
    AwaitsRequest,

    /// <summary>It has a new certificate for the key that it had.</summary>
    Renewed,

    /// <summary>Its certificates have been taken back.</summary>
    Revoked,
}

/// <summary>A party, and what has become of it.</summary>
/// <param name="Party">The party.</param>
/// <param name="State">What has become of it.</param>
/// <param name="Folder">Its kit; null where there is none here.</param>
/// <param name="ValidUntil">The end of its certificate; null where it has none.</param>
/// <param name="Advice">What somebody has to do about it; null for nothing.</param>
public sealed record ProvisionedParty(Party Party, PartyState State, string? Folder, DateTimeOffset? ValidUntil, string? Advice);

/// <summary>What a run did.</summary>
/// <param name="AuthorityFolder">The CA's folder.</param>
/// <param name="AuthorityUntil">The end of the CA's certificate.</param>
/// <param name="RevocationList">The CA's list of revoked certificates, of which every party needs the newest.</param>
/// <param name="Parties">The parties.</param>
public sealed record ProvisioningReport(string AuthorityFolder, DateTimeOffset AuthorityUntil, string RevocationList, IReadOnlyList<ProvisionedParty> Parties);
