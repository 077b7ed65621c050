using Tributary.Tensors;

namespace Tributary.Privacy.SecureAggregation;

/// <summary>
/// The server's part in the secure sum of one round: takes each stage's messages, closes the stage with those that are there, and at the end gives the sum of the survivors' integers,
/// which is all that it learns of them. A site that misses a stage has dropped out. No I/O and no clock; for one thread at a time.
/// </summary>
/// <remarks>A message that is refused changes nothing. A stage that cannot be closed yet, since too few are there, stays open.</remarks>
/// <param name="round">What the round is.</param>
/// <param name="verify">Checks sites' signatures.</param>
public sealed class MaskingServer(AggregationRound round, VerifyStatement verify)
{
    private readonly KeyDirectory _keys = new(round, verify);
    private readonly SortedDictionary<string, SharedSecrets> _secrets = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, TensorSource> _inputs = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, SurvivorSignature> _signatures = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, UnmaskingAnswer> _answers = new(StringComparer.Ordinal);
    private Stage _stage = Stage.Keys;
    private SortedSet<string> _survivors = new(StringComparer.Ordinal);

    private enum Stage
    {
        Keys,
        Shares,
        Inputs,
        Signatures,
        Answers,
    }

    /// <summary>The sites whose integers are in the sum; none before <see cref="CloseInputs"/>.</summary>
    public IReadOnlyCollection<string> Survivors => _survivors;

    /// <summary>Takes a site's keys.</summary>
    /// <exception cref="SecureAggregationException">They are not a site's of the roster for this round, or its second.</exception>
    public void Take(KeyAdvertisement keys)
    {
        Require(Stage.Keys, keys.Site, _keys.Contains(keys.Site));
        _keys.Add(keys);
    }

    /// <summary>Closes the first stage.</summary>
    /// <returns>What each site of it is to get, for <see cref="MaskingSite.Share"/>.</returns>
    /// <exception cref="BelowThresholdException">Too few sites are there.</exception>
    public IReadOnlyList<KeyAdvertisement> CloseKeys()
    {
        Close(Stage.Keys, _keys.All.Count, "sites with keys");
        _stage = Stage.Shares;
        return [.. _keys.All];
    }

    /// <summary>Takes a site's shares.</summary>
    /// <exception cref="SecureAggregationException">They are not one for each of its neighbours with keys, or its second.</exception>
    public void Take(SharedSecrets secrets)
    {
        Require(Stage.Shares, secrets.Site, _secrets.ContainsKey(secrets.Site), _keys.Contains(secrets.Site));
        IEnumerable<string> expected = round.Graph.Neighbours(secrets.Site).Where(_keys.Contains);
        if (secrets.Shares.Any(share => share.From != secrets.Site) || !secrets.Shares.Select(share => share.To).Order(StringComparer.Ordinal).SequenceEqual(expected))
        {
            throw new SecureAggregationException($"shares: those of '{secrets.Site}' are not one for each of its neighbours with keys");
        }

        _secrets.Add(secrets.Site, secrets);
    }

    /// <summary>Closes the second stage.</summary>
    /// <returns>What each site of it is to get, for <see cref="MaskingSite.Receive"/>.</returns>
    /// <exception cref="BelowThresholdException">Too few sites are there.</exception>
    public IReadOnlyDictionary<string, ReceivedShares> CloseShares()
    {
        Close(Stage.Shares, _secrets.Count, "sites that shared secrets");
        _stage = Stage.Inputs;
        string[] sharing = [.. _secrets.Keys];
        ILookup<string, EncryptedShare> byHolder = _secrets.Values.SelectMany(secrets => secrets.Shares).ToLookup(share => share.To, StringComparer.Ordinal);
        return sharing.ToDictionary(site => site, site => new ReceivedShares(sharing, [.. byHolder[site]]), StringComparer.Ordinal);
    }

    /// <summary>Takes a site's masked integers; they are read when the sum is, and must not change.</summary>
    /// <param name="site">Who has sent them, as its connection says.</param>
    /// <param name="masked">Ring elements, as U32 tensors, the same ones from each site.</param>
    /// <exception cref="SecureAggregationException">They are its second, or it has no part in this stage.</exception>
    /// <exception cref="TensorFormatException">Other tensors than another site's, or other types.</exception>
    public void Take(string site, TensorSource masked)
    {
        ArgumentNullException.ThrowIfNull(masked);
        Require(Stage.Inputs, site, _inputs.ContainsKey(site), _secrets.ContainsKey(site));
        RingIntegers.Require(masked.Manifest);
        if (_inputs.Count > 0 && !masked.Manifest.SequenceEqual(_inputs.First().Value.Manifest))
        {
            throw new TensorFormatException($"the masked tensors of '{site}' are not those of '{_inputs.First().Key}', so they cannot be added up");
        }

        _inputs.Add(site, masked);
    }

    /// <summary>Closes the third stage: who is there is a survivor, and the sum will be theirs.</summary>
    /// <returns>What each survivor is to get, for <see cref="MaskingSite.Sign"/>.</returns>
    /// <exception cref="BelowThresholdException">Too few sites are there.</exception>
    public IReadOnlyList<string> CloseInputs()
    {
        Close(Stage.Inputs, _inputs.Count, "sites with masked integers");
        _stage = Stage.Signatures;
        _survivors = new SortedSet<string>(_inputs.Keys, StringComparer.Ordinal);
        return [.. _survivors];
    }

    /// <summary>Takes a survivor's signature over the set.</summary>
    /// <exception cref="SecureAggregationException">It is not one over this set, or its second.</exception>
    public void Take(SurvivorSignature signature)
    {
        Require(Stage.Signatures, signature.Site, _signatures.ContainsKey(signature.Site));
        _keys.Check(signature, _keys.Statement(_secrets.Keys, _survivors), _survivors);
        _signatures.Add(signature.Site, signature);
    }

    /// <summary>Closes the fourth stage.</summary>
    /// <returns>What each survivor that signed is to get, for <see cref="MaskingSite.Unmask"/>.</returns>
    /// <exception cref="BelowThresholdException">Too few have signed.</exception>
    public UnmaskingRequest CloseSignatures()
    {
        Close(Stage.Signatures, _signatures.Count, "survivors that signed");
        _stage = Stage.Answers;
        return new UnmaskingRequest([.. _survivors], [.. _signatures.Values]);
    }

    /// <summary>Takes a survivor's answer.</summary>
    /// <exception cref="SecureAggregationException">It is not a share of each secret that was asked for, or its second.</exception>
    public void Take(UnmaskingAnswer answer)
    {
        Require(Stage.Answers, answer.Site, _answers.ContainsKey(answer.Site), _survivors.Contains(answer.Site));
        string[] shared = [.. round.Graph.Holders(answer.Site).Where(_secrets.ContainsKey)];
        if (!IsOf(answer.Seeds, shared.Where(_survivors.Contains)) || !IsOf(answer.MaskKeys, shared.Where(site => !_survivors.Contains(site))))
        {
            throw new SecureAggregationException(
                $"unmasking: the answer of '{answer.Site}' is not a share of the self mask of each survivor around it, and of the mask key of each dropped one");
        }

        _answers.Add(answer.Site, answer);
    }

    /// <summary>
    /// The sum of the survivors' integers modulo 2^k, once enough have answered: a source that reads their masked integers strip by strip and takes the masks off, in constant memory.
    /// </summary>
    /// <exception cref="BelowThresholdException">Too few have answered; it may be asked again when more have.</exception>
    /// <exception cref="SecureAggregationException">Shares give another secret than its owner's: one of them is wrong, and there is no sum.</exception>
    public TensorSource Unmask()
    {
        Close(Stage.Answers, _answers.Count, "survivors that answered");
        return new RingSumSource([.. _inputs.Values], round.Ring, new MaskRecovery(round, _keys, _secrets, _survivors, _answers).Terms());
    }

    private static bool IsOf(IReadOnlyList<RevealedShare> shares, IEnumerable<string> sites) =>
        shares.All(share => share.Share.Length == AgreementKey.SecretBytes) && shares.Select(share => share.Of).Order(StringComparer.Ordinal).SequenceEqual(sites);

    private void Require(Stage stage, string site, bool isSecond, bool isExpected = true)
    {
        if (_stage != stage)
        {
            string when = _stage < stage ? "too early" : "too late: it has dropped out, or the message is a replay";
            throw new SecureAggregationException($"round {round.Round} of job '{round.Job}' is at the stage '{_stage}', so a message of '{site}' for '{stage}' is {when}");
        }

        if (isSecond)
        {
            throw new SecureAggregationException(
                $"'{site}' has sent its message for '{stage}' in round {round.Round} of job '{round.Job}' already, and the first one counts: this is a replay, or contradicts it");
        }

        if (!isExpected)
        {
            throw new SecureAggregationException($"'{site}' has no part in the stage '{stage}' of round {round.Round} of job '{round.Job}': it is not in the roster, or dropped out before");
        }
    }

    private void Close(Stage stage, int count, string what)
    {
        if (_stage != stage)
        {
            throw new InvalidOperationException($"The stage is '{_stage}', not '{stage}'.");
        }

        BelowThresholdException.Require(count, round.Threshold, $"{what}, of {round.Roster.Count} in the roster");
    }
}
