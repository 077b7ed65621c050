using System.Security.Cryptography;
using Tributary.Privacy.Noise;

namespace Tributary.Privacy.SecureAggregation;

/// <summary>Which masks are in the sum of the survivors, from the shares that they have revealed: their own self masks, and those between each of them and a neighbour that dropped out.</summary>
internal sealed class MaskRecovery(
    AggregationRound round,
    KeyDirectory directory,
    IReadOnlyDictionary<string, SharedSecrets> secrets,
    IReadOnlySet<string> survivors,
    IReadOnlyDictionary<string, UnmaskingAnswer> answers)
{
    private readonly ILookup<string, SecretShare> _seeds = Collect(round, answers.Values, answer => answer.Seeds);
    private readonly ILookup<string, SecretShare> _maskKeys = Collect(round, answers.Values, answer => answer.MaskKeys);

    /// <summary>The masks that take them off.</summary>
    public IReadOnlyList<MaskTerm> Terms()
    {
        var terms = new List<MaskTerm>();
        foreach (string site in secrets.Keys)
        {
            if (survivors.Contains(site))
            {
                terms.Add(new MaskTerm(SeedOf(site), Subtract: true));
                continue;
            }

            string[] neighbours = [.. round.Graph.Neighbours(site).Where(survivors.Contains)];
            if (neighbours.Length > 0)
            {
                using AgreementKey key = MaskKeyOf(site);
                terms.AddRange(neighbours.Select(neighbour => MaskTerm.OfPair(key.PairSeed(round, directory[neighbour].MaskKey, neighbour, site), neighbour, site).Inverse));
            }
        }

        return terms;
    }

    private static ILookup<string, SecretShare> Collect(AggregationRound round, IEnumerable<UnmaskingAnswer> answers, Func<UnmaskingAnswer, IReadOnlyList<RevealedShare>> shares) =>
        answers.SelectMany(answer => shares(answer).Select(share => (share.Of, Share: new SecretShare(NumberOf(round, share.Of, answer.Site), share.Share))))
            .ToLookup(share => share.Of, share => share.Share, StringComparer.Ordinal);

    private static byte NumberOf(AggregationRound round, string owner, string holder) =>
        (byte)(1 + round.Graph.Holders(owner).Index().First(place => place.Item == holder).Index);

    private NoiseKey SeedOf(string site)
    {
        byte[] seed = Combine(_seeds[site], site, "self mask");
        return CryptographicOperations.FixedTimeEquals(MaskingSite.SeedDigest(round, site, seed), secrets[site].SeedDigest) ? new NoiseKey(seed) : throw Wrong(site, "self mask");
    }

    private AgreementKey MaskKeyOf(string site)
    {
        byte[] secret = Combine(_maskKeys[site], site, "mask key");
        AgreementKey? key = null;
        try
        {
            key = AgreementKey.FromSecret(secret);
            if (key.PublicKey.AsSpan().SequenceEqual(directory[site].MaskKey))
            {
                return key;
            }
        }
        catch (CryptographicException)
        {
            // Not a private key at all: wrong in the same way.
        }

        key?.Dispose();
        throw Wrong(site, "mask key");
    }

    private byte[] Combine(IEnumerable<SecretShare> revealed, string site, string what)
    {
        SecretShare[] shares = [.. revealed];
        int threshold = round.Graph.ShareThreshold;
        BelowThresholdException.Require(shares.Length, threshold, $"shares of the {what} of '{site}', of {round.Graph.Holders(site).Count}");
        return ShamirSharing.Combine(shares[..threshold]);
    }

    private static SecureAggregationException Wrong(string site, string what) =>
        new($"unmasking: the shares of the {what} of '{site}' do not give what it made: a survivor has revealed a wrong one, or '{site}' shared wrong ones; there is no sum of this round");
}
