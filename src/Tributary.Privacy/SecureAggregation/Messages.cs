namespace Tributary.Privacy.SecureAggregation;

/// <summary>First message of a site: the public halves of its two key pairs of the round, signed.</summary>
/// <param name="Site">The site.</param>
/// <param name="ModelDigest">The global model that it holds.</param>
/// <param name="EncryptionKey">What shares for it are encrypted with: an uncompressed point of P-256, 65 bytes.</param>
/// <param name="MaskKey">What masks are made of: another point.</param>
/// <param name="Signature">Over both and the round.</param>
public sealed record KeyAdvertisement(string Site, string ModelDigest, byte[] EncryptionKey, byte[] MaskKey, byte[] Signature);

/// <summary>One site's shares for another, which only that one can read.</summary>
/// <param name="From">Whose secrets they are of.</param>
/// <param name="To">Who holds them.</param>
/// <param name="Ciphertext">AES-256-GCM: nonce, ciphertext and tag.</param>
public sealed record EncryptedShare(string From, string To, byte[] Ciphertext);

/// <summary>Second message of a site: its two secrets, in shares for its neighbours.</summary>
/// <param name="Site">The site.</param>
/// <param name="SeedDigest">A digest of its self mask's seed, against which the server checks what shares give.</param>
/// <param name="Shares">One for each neighbour that advertised keys.</param>
public sealed record SharedSecrets(string Site, byte[] SeedDigest, IReadOnlyList<EncryptedShare> Shares)
{
    /// <summary>One for each neighbour that advertised keys.</summary>
    public IReadOnlyList<EncryptedShare> Shares { get; init => field = Elements.Present(value); } = Elements.Present(Shares);
}

/// <summary>What the server gives a site of them.</summary>
/// <param name="Sharing">All sites that shared their secrets; masks are made with the neighbours among them.</param>
/// <param name="Shares">What those neighbours have encrypted for the site.</param>
public sealed record ReceivedShares(IReadOnlyList<string> Sharing, IReadOnlyList<EncryptedShare> Shares)
{
    /// <summary>All sites that shared their secrets.</summary>
    public IReadOnlyList<string> Sharing { get; init => field = Elements.Present(value); } = Elements.Present(Sharing);

    /// <summary>What the neighbours among them have encrypted for the site.</summary>
    public IReadOnlyList<EncryptedShare> Shares { get; init => field = Elements.Present(value); } = Elements.Present(Shares);
}

/// <summary>Fourth message of a site, after its masked integers: that it knows of one set of survivors, and of no other.</summary>
/// <param name="Site">The site.</param>
/// <param name="Signature">Over the round, everyone's keys, who shared secrets and who survived.</param>
public sealed record SurvivorSignature(string Site, byte[] Signature);

/// <summary>What the server asks survivors with, to unmask the sum.</summary>
/// <param name="Survivors">Whose masked integers it has: the sum is theirs.</param>
/// <param name="Signatures">Theirs over this set, as many as the threshold.</param>
public sealed record UnmaskingRequest(IReadOnlyList<string> Survivors, IReadOnlyList<SurvivorSignature> Signatures)
{
    /// <summary>Whose masked integers it has.</summary>
    public IReadOnlyList<string> Survivors { get; init => field = Elements.Present(value); } = Elements.Present(Survivors);

    /// <summary>Theirs over this set.</summary>
    public IReadOnlyList<SurvivorSignature> Signatures { get; init => field = Elements.Present(value); } = Elements.Present(Signatures);
}

/// <summary>A share in the open.</summary>
/// <param name="Of">Whose secret it is of.</param>
/// <param name="Share">The share's 32 bytes.</param>
public sealed record RevealedShare(string Of, byte[] Share);

/// <summary>Last message of a site: for each neighbour, and itself, a share of one of its two secrets, never of both.</summary>
/// <param name="Site">The site.</param>
/// <param name="Seeds">Of survivors, the seed of the self mask.</param>
/// <param name="MaskKeys">Of those that dropped out after they shared secrets, the private mask key.</param>
public sealed record UnmaskingAnswer(string Site, IReadOnlyList<RevealedShare> Seeds, IReadOnlyList<RevealedShare> MaskKeys)
{
    /// <summary>Of survivors, the seed of the self mask.</summary>
    public IReadOnlyList<RevealedShare> Seeds { get; init => field = Elements.Present(value); } = Elements.Present(Seeds);

    /// <summary>Of those that dropped out after they shared secrets, the private mask key.</summary>
    public IReadOnlyList<RevealedShare> MaskKeys { get; init => field = Elements.Present(value); } = Elements.Present(MaskKeys);
}

/// <summary>Lists as others have written them: JSON has null, also where a list of something is meant.</summary>
internal static class Elements
{
    public static IReadOnlyList<T> Present<T>(IReadOnlyList<T> elements)
        where T : class =>
        elements.All(element => element is not null) ? elements : throw new SecureAggregationException("a list of the message has an element that is null");
}
