using System.Security.Cryptography;
using Tributary.Privacy.Noise;
using Tributary.Tensors;

namespace Tributary.Privacy.SecureAggregation;

/// <summary>
/// A site's part in the secure sum of one round (Bonawitz et al. 2017, Practical Secure Aggregation for Privacy-Preserving Machine Learning, the protocol against active servers): what it says at
/// each stage, and what it refuses. It knows its round and its roster from the signed job and believes nothing of the server. No I/O and no clock; for one thread at a time.
/// </summary>
/// <remarks>
/// The stages: <see cref="Keys"/>, <see cref="Share"/>, <see cref="Receive"/> and <see cref="Mask"/>, <see cref="Sign"/>, <see cref="Unmask"/>. Secrets are in memory alone: a site whose process
/// ends has dropped out of the round. A refusal changes nothing, so the right message may follow.
/// </remarks>
public sealed class MaskingSite : IDisposable
{
    private readonly AggregationRound _round;
    private readonly SignStatement _sign;
    private readonly VerifyStatement _verify;
    private readonly AgreementKey _encryptionKey = AgreementKey.Create();
    private readonly AgreementKey _maskKey = AgreementKey.Create();
    private readonly byte[] _seed = RandomNumberGenerator.GetBytes(NoiseKey.Length);
    private readonly IReadOnlyList<string> _holders;
    private readonly Dictionary<string, HeldShares> _held = new(StringComparer.Ordinal);
    private KeyDirectory? _directory;
    private SortedSet<string>? _sharing;
    private byte[]? _inputDigest;
    private bool _maskedOnce;
    private SortedSet<string>? _survivors;
    private bool _answered;
    private bool _disposed;

    /// <summary>Begins a round, with new keys and a new self mask.</summary>
    /// <param name="round">What the round is, as this site knows it.</param>
    /// <param name="site">This site's name in the roster.</param>
    /// <param name="sign">Signs as this site.</param>
    /// <param name="verify">Checks others' signatures.</param>
    /// <exception cref="SecureAggregationException">The site is not in the roster.</exception>
    public MaskingSite(AggregationRound round, string site, SignStatement sign, VerifyStatement verify)
    {
        (_round, Site, _sign, _verify) = (round, site, sign, verify);
        _ = round.RequireNames([site], "round");
        _holders = round.Graph.Holders(site);
        var keys = new KeyAdvertisement(site, round.ModelDigest, _encryptionKey.PublicKey, _maskKey.PublicKey, []);
        Keys = keys with { Signature = sign(StatementTypes.Keys, KeyDirectory.Statement(round, keys)) };
    }

    /// <summary>This site's name.</summary>
    public string Site { get; }

    /// <summary>First message: this site's keys.</summary>
    public KeyAdvertisement Keys { get; }

    /// <summary>Second message, once: this site's secrets in shares for those neighbours that have keys.</summary>
    /// <param name="advertised">All sites' keys, this one's among them.</param>
    /// <exception cref="BelowThresholdException">Too few sites, or too few of this site's neighbours, have keys.</exception>
    /// <exception cref="SecureAggregationException">Keys that are not a site's of the roster for this round, or a second list.</exception>
    public SharedSecrets Share(IReadOnlyList<KeyAdvertisement> advertised)
    {
        Require(_directory is null, "has shared its secrets already, and shares them once");
        var directory = new KeyDirectory(_round, _verify);
        foreach (KeyAdvertisement keys in advertised)
        {
            directory.Add(keys);
        }

        if (!directory.Contains(Site) || KeyDirectory.Statement(_round, directory[Site]) != KeyDirectory.Statement(_round, Keys))
        {
            throw new SecureAggregationException($"keys: those of '{Site}' are not the ones that it made for this round");
        }

        BelowThresholdException.Require(directory.All.Count, _round.Threshold, $"sites with keys, of {_round.Roster.Count}");
        RequireHolders(directory.Contains, "with keys");
        byte[] maskKey = _maskKey.ExportSecret();
        SecretShare[] keyShares = ShamirSharing.Split(maskKey, _round.Graph.ShareThreshold, _holders.Count);
        SecretShare[] seedShares = ShamirSharing.Split(_seed, _round.Graph.ShareThreshold, _holders.Count);
        CryptographicOperations.ZeroMemory(maskKey);
        var shares = new List<EncryptedShare>();
        for (int i = 0; i < _holders.Count; i++)
        {
            var held = new HeldShares(keyShares[i].Bytes, seedShares[i].Bytes);
            if (_holders[i] == Site)
            {
                _held[Site] = held;
            }
            else if (directory.Contains(_holders[i]))
            {
                shares.Add(new EncryptedShare(Site, _holders[i], held.Seal(_round, _encryptionKey, directory[_holders[i]].EncryptionKey, Site, _holders[i])));
            }
        }

        _directory = directory;
        return new SharedSecrets(Site, SeedDigest(_round, Site, _seed), shares);
    }

    /// <summary>Takes others' shares, once. From here on masks are made with the neighbours among those that shared.</summary>
    /// <param name="received">Who shared, and what they have encrypted for this site.</param>
    /// <exception cref="BelowThresholdException">Too few sites, or too few of this site's neighbours, shared.</exception>
    /// <exception cref="SecureAggregationException">Shares that are missing, not for this site or not to be decrypted, sites without keys, or a second set.</exception>
    public void Receive(ReceivedShares received)
    {
        KeyDirectory directory = RequireDirectory();
        Require(_sharing is null, "has taken the others' shares already; another set of them would be another set of masks over the same integers");
        SortedSet<string> sharing = _round.RequireNames(received.Sharing, "shares");
        if (sharing.FirstOrDefault(site => !directory.Contains(site)) is { } stranger)
        {
            throw new SecureAggregationException($"shares: '{stranger}' advertised no keys in this round");
        }

        RequireAmong(sharing, "shares");
        BelowThresholdException.Require(sharing.Count, _round.Threshold, $"sites that shared secrets, of {_round.Roster.Count}");
        RequireHolders(sharing.Contains, "that shared secrets");
        string[] expected = [.. _holders.Where(holder => holder != Site && sharing.Contains(holder))];
        if (!received.Shares.Select(share => share.From).Order(StringComparer.Ordinal).SequenceEqual(expected) || received.Shares.Any(share => share.To != Site))
        {
            string given = string.Join(", ", received.Shares.Select(share => $"{share.From} for {share.To}"));
            throw new SecureAggregationException($"shares: '{Site}' is to have one from each of its neighbours {string.Join(", ", expected)}, and was given {given}");
        }

        HeldShares[] held = [.. received.Shares.Select(share => HeldShares.Open(_round, _encryptionKey, directory[share.From].EncryptionKey, share))];
        for (int i = 0; i < held.Length; i++)
        {
            _held[received.Shares[i].From] = held[i];
        }

        _sharing = sharing;
    }

    /// <summary>Third message: integers under masks. Again for the same integers, as for a retry; never for others, since the difference of two messages under the same masks is bare.</summary>
    /// <param name="integers">Ring elements, as U32 tensors; read once for their digest, and again as the masked source is read. They must not change.</param>
    /// <returns>A source of the same tensors; it does not own the integers.</returns>
    /// <exception cref="SecureAggregationException">Other integers were masked before.</exception>
    /// <exception cref="TensorFormatException">Something else than elements of the ring.</exception>
    public TensorSource Mask(TensorSource integers)
    {
        ArgumentNullException.ThrowIfNull(integers);
        Require(_sharing is not null, "has not taken the others' shares yet");
        Require(!_maskedOnce, "has masked integers already, and keeps the message that came of it: send that");
        RingIntegers.Require(integers.Manifest);
        byte[] digest = RingIntegers.Digest(integers, _round.Ring);
        Require(
            _inputDigest is null || digest.AsSpan().SequenceEqual(_inputDigest),
            "has masked other integers in this round: who has both messages knows their difference; send the first again, or wait for the next round");
        _inputDigest = digest;
        return Masked(integers);
    }

    /// <summary>Third message for a site that keeps what comes of it, and sends that again where it has to: integers under masks, once. They need not be read for a digest then.</summary>
    /// <param name="integers">Ring elements, as U32 tensors; they must not change while the masked source is read.</param>
    /// <returns>A source of the same tensors; it does not own the integers.</returns>
    /// <exception cref="SecureAggregationException">Integers were masked before.</exception>
    /// <exception cref="TensorFormatException">Something else than elements of the ring.</exception>
    public TensorSource MaskOnce(TensorSource integers)
    {
        ArgumentNullException.ThrowIfNull(integers);
        Require(_sharing is not null, "has not taken the others' shares yet");
        Require(!_maskedOnce && _inputDigest is null, "has masked integers already: who has two messages under the same masks knows their difference; wait for the next round");
        RingIntegers.Require(integers.Manifest);
        _maskedOnce = true;
        return Masked(integers);
    }

    private MaskedSource Masked(TensorSource integers)
    {
        KeyDirectory directory = RequireDirectory();
        IEnumerable<MaskTerm> pairs = _holders.Where(holder => holder != Site && _sharing!.Contains(holder))
            .Select(neighbour => MaskTerm.OfPair(_maskKey.PairSeed(_round, directory[neighbour].MaskKey, Site, neighbour), Site, neighbour));
        return new MaskedSource(integers, _round.Ring, [new MaskTerm(new NoiseKey(_seed), Subtract: false), .. pairs]);
    }

    /// <summary>Fourth message: this site's signature over the set of survivors. Again for the same set, never for another.</summary>
    /// <param name="survivors">The sites whose masked integers the server says it has.</param>
    /// <exception cref="BelowThresholdException">Too few survivors, or too few of this site's neighbours among them.</exception>
    /// <exception cref="SecureAggregationException">A set that contradicts one that was signed, or has sites in it that shared nothing, or not this one.</exception>
    public SurvivorSignature Sign(IReadOnlyList<string> survivors)
    {
        KeyDirectory directory = RequireDirectory();
        Require(_maskedOnce || _inputDigest is not null, "has not masked anything yet");
        SortedSet<string> set = _round.RequireNames(survivors, "survivors");
        if (set.FirstOrDefault(site => !_sharing!.Contains(site)) is { } stranger)
        {
            throw new SecureAggregationException($"survivors: '{stranger}' shared no secrets in this round");
        }

        RequireAmong(set, "survivors");
        BelowThresholdException.Require(set.Count, _round.Threshold, $"survivors, of {_round.Roster.Count} sites");
        RequireHolders(set.Contains, "that survived");
        Require(_survivors is null || _survivors.SetEquals(set), "has signed another set of survivors: two sets would unmask the difference of two sums");
        _survivors = set;
        return new SurvivorSignature(Site, _sign(StatementTypes.Survivors, directory.Statement(_sharing!, set)));
    }

    /// <summary>Last message, once: shares of survivors' self masks and of dropped sites' mask keys. After it the site knows none any more; keep the answer to send it again.</summary>
    /// <param name="request">The survivors, and as many of their signatures as the threshold.</param>
    /// <exception cref="BelowThresholdException">Too few signatures: no share leaves.</exception>
    /// <exception cref="SecureAggregationException">It was answered already, the set is not the one that this site signed, or a signature is not over it: no share leaves.</exception>
    public UnmaskingAnswer Unmask(UnmaskingRequest request)
    {
        KeyDirectory directory = RequireDirectory();
        Require(!_answered, "has answered the unmasking of this round, which it does once; send that answer again");
        Require(_survivors is not null, "has not signed who survived yet");
        Require(_round.RequireNames(request.Survivors, "survivors").SetEquals(_survivors!), "is asked to unmask another set of survivors than it signed");
        string statement = directory.Statement(_sharing!, _survivors!);
        SortedSet<string> signers = _round.RequireNames(request.Signatures.Select(signature => signature.Site), "signatures");
        BelowThresholdException.Require(signers.Count, _round.Threshold, $"signatures over the survivors, of {_round.Roster.Count} sites");
        foreach (SurvivorSignature signature in request.Signatures)
        {
            directory.Check(signature, statement, _survivors!);
        }

        RevealedShare[] seeds = [.. Held(survived: true).Select(site => new RevealedShare(site, _held[site].Seed))];
        RevealedShare[] maskKeys = [.. Held(survived: false).Select(site => new RevealedShare(site, _held[site].MaskKey))];
        _answered = true;
        _held.Clear();
        return new UnmaskingAnswer(Site, seeds, maskKeys);
    }

    /// <summary>Forgets the keys, the self mask and all shares.</summary>
    public void Dispose()
    {
        _disposed = true;
        _encryptionKey.Dispose();
        _maskKey.Dispose();
        CryptographicOperations.ZeroMemory(_seed);
        _held.Clear();
    }

    /// <summary>What the server compares a self mask's seed with that it put together; 256 bits of chance are not to be guessed from it.</summary>
    internal static byte[] SeedDigest(AggregationRound round, string site, byte[] seed) => CanonicalBytes.Digest("self mask", round.Digest, site, seed);

    private IEnumerable<string> Held(bool survived) => _held.Keys.Where(site => _survivors!.Contains(site) == survived).Order(StringComparer.Ordinal);

    private KeyDirectory RequireDirectory()
    {
        Require(_directory is not null, "has not shared its secrets yet");
        return _directory!;
    }

    private void RequireAmong(SortedSet<string> sites, string what)
    {
        if (!sites.Contains(Site))
        {
            throw new SecureAggregationException($"{what}: '{Site}' is not among them, so it has no part in this sum");
        }
    }

    private void RequireHolders(Func<string, bool> isThere, string what) =>
        BelowThresholdException.Require(_holders.Count(isThere), _round.Graph.ShareThreshold, $"of the {_holders.Count} sites that hold shares of '{Site}', those {what}");

    private void Require(bool holds, string otherwise)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (!holds)
        {
            throw new SecureAggregationException($"round {_round.Round} of job '{_round.Job}': '{Site}' {otherwise}");
        }
    }
}
