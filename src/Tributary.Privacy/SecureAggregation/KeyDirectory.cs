namespace Tributary.Privacy.SecureAggregation;

/// <summary>The keys of all sites that advertised some, each checked.</summary>
internal sealed class KeyDirectory(AggregationRound round, VerifyStatement verify)
{
    private readonly SortedDictionary<string, KeyAdvertisement> _bySite = new(StringComparer.Ordinal);
    private readonly HashSet<string> _points = new(StringComparer.Ordinal);

    public KeyAdvertisement this[string site] => _bySite[site];

    /// <summary>All of them, by name.</summary>
    public IReadOnlyCollection<KeyAdvertisement> All => _bySite.Values;

    public bool Contains(string site) => _bySite.ContainsKey(site);

    /// <summary>Adds one site's keys, if they are that.</summary>
    public void Add(KeyAdvertisement keys)
    {
        _ = round.RequireNames([keys.Site], "keys");
        if (Contains(keys.Site))
        {
            throw new SecureAggregationException($"keys: '{keys.Site}' stands twice");
        }

        if (keys.ModelDigest != round.ModelDigest)
        {
            throw new SecureAggregationException(
                $"keys: '{keys.Site}' begins with the model {keys.ModelDigest}, but round {round.Round} of job '{round.Job}' is of {round.ModelDigest}; changes of different models are not added up");
        }

        if (!AgreementKey.IsPublicKey(keys.EncryptionKey) || !AgreementKey.IsPublicKey(keys.MaskKey))
        {
            throw new SecureAggregationException($"keys: '{keys.Site}' has a key that is no point of P-256");
        }

        if (!verify(keys.Site, StatementTypes.Keys, Statement(round, keys), keys.Signature))
        {
            throw new SecureAggregationException(
                $"keys: the signature is not one of '{keys.Site}' over these keys for round {round.Round} of job '{round.Job}' with this roster and ring: "
                + "they were changed, or are of another site or another round");
        }

        (string encryption, string mask) = (Convert.ToHexString(keys.EncryptionKey), Convert.ToHexString(keys.MaskKey));
        if (encryption == mask || _points.Contains(encryption) || _points.Contains(mask))
        {
            throw new SecureAggregationException($"keys: '{keys.Site}' has a key that stands there already, but each is made by one site for one round and one purpose");
        }

        _points.UnionWith([encryption, mask]);
        _bySite.Add(keys.Site, keys);
    }

    /// <summary>What a site signs of its keys.</summary>
    public static string Statement(AggregationRound round, KeyAdvertisement keys) =>
        Convert.ToHexStringLower(CanonicalBytes.Digest("keys", round.Digest, keys.Site, keys.ModelDigest, keys.EncryptionKey, keys.MaskKey));

    /// <summary>What a site signs of the survivors: with them, who shared secrets, and all keys that it was given.</summary>
    public string Statement(IReadOnlyCollection<string> sharing, IReadOnlyCollection<string> survivors)
    {
        byte[] keys = CanonicalBytes.Of([.. _bySite.Values.Select(site => (CanonicalBytes.Field)CanonicalBytes.Of(site.Site, site.EncryptionKey, site.MaskKey))]);
        return Convert.ToHexStringLower(CanonicalBytes.Digest("survivors", round.Digest, keys, CanonicalBytes.Of(sharing), CanonicalBytes.Of(survivors)));
    }

    /// <summary>Whether a survivor has signed a statement of the survivors.</summary>
    public void Check(SurvivorSignature signature, string statement, IReadOnlySet<string> survivors)
    {
        if (!survivors.Contains(signature.Site))
        {
            throw new SecureAggregationException($"survivors: '{signature.Site}' has signed, but is none of them");
        }

        if (!verify(signature.Site, StatementTypes.Survivors, statement, signature.Signature))
        {
            throw new SecureAggregationException(
                $"survivors: the signature of '{signature.Site}' is not over these survivors, these keys and this round: another set was shown to it, or the signature was changed");
        }
    }
}
