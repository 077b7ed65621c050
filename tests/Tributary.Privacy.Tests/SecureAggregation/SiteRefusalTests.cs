using System.Runtime.InteropServices;
using Tributary.Privacy.SecureAggregation;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Privacy.Tests.SecureAggregation;

/// <summary>A server that does not keep to the protocol: each of these would give it one site's data, and the site says no.</summary>
public sealed class SiteRefusalTests
{
    private static readonly CertificateKeys Certificates = new([.. SecureRound.Names(6), "stranger"]);

    [Fact]
    public void Keys_that_are_not_the_rosters_for_this_round_and_model()
    {
        using SecureRound honest = Begin();
        KeyAdvertisement[] keys = Keys(honest);
        MaskingSite site = honest.Sites[keys[0].Site];
        using SecureRound earlier = Begin(SecureRound.RoundOf(6, round: 2));
        using SecureRound otherModel = Begin(SecureRound.RoundOf(6, model: "sha256:bb"));
        using SecureRound again = Begin();

        Refused(() => site.Share([.. keys[..5], keys[5] with { Site = "stranger" }]), "'stranger' is not in the roster");
        Refused(() => site.Share([.. keys, keys[5]]), "stands twice");
        Refused(() => site.Share([.. keys[..5], Keys(otherModel)[5]]), "begins with the model sha256:bb");
        Refused(() => site.Share([.. keys[..5], Keys(otherModel)[5] with { ModelDigest = "sha256:aa" }]), "signature is not one of");
        Refused(() => site.Share([.. keys[..5], Keys(earlier)[5]]), "signature is not one of");
        Refused(() => site.Share([.. keys[..5], keys[5] with { MaskKey = keys[4].MaskKey }]), "signature is not one of");
        Refused(() => site.Share([.. keys[..5], keys[5] with { EncryptionKey = keys[5].MaskKey, MaskKey = keys[5].EncryptionKey }]), "signature is not one of");
        Refused(() => site.Share([.. keys[..5], keys[4] with { Site = keys[5].Site }]), "signature is not one of");
        Refused(() => site.Share([.. keys[..5], keys[5] with { MaskKey = new byte[65] }]), "no point of P-256");
        Refused(() => site.Share(keys[1..]), "are not the ones");
        Refused(() => site.Share([Keys(again)[0], .. keys[1..]]), "are not the ones that it made");
        Should.Throw<BelowThresholdException>(() => site.Share(keys[..4])).Message.ShouldContain("4, but 5 are needed");

        // A refusal changes nothing, and the right list is taken once.
        site.Share(keys).Shares.Count.ShouldBe(5);
        Refused(() => site.Share(keys), "shares them once");
    }

    [Fact]
    public void A_key_that_another_site_has_signed_as_its_own()
    {
        using SecureRound honest = Begin();
        KeyAdvertisement[] keys = Keys(honest);
        KeyAdvertisement copied = keys[5] with { MaskKey = keys[4].MaskKey };
        copied = copied with { Signature = Certificates.SignAs(copied.Site)(StatementTypes.Keys, KeyDirectory.Statement(honest.Round, copied)) };
        Refused(() => honest.Sites[keys[0].Site].Share([.. keys[..5], copied]), "stands there already");
    }

    [Fact]
    public void A_list_of_enough_sites_in_which_its_own_neighbours_are_left_out()
    {
        // With few neighbours that are honest, colluding ones would hold enough shares.
        AggregationRound round = SecureRound.RoundOf(80);
        using var honest = new SecureRound(round, new QuickKeys());
        string victim = round.Roster[7];
        string[] left = [.. round.Graph.Neighbours(victim).Take(round.Roster.Count - round.Threshold)];
        KeyAdvertisement[] keys = [.. Keys(honest).Where(site => !left.Contains(site.Site))];
        keys.Length.ShouldBe(round.Threshold);
        Should.Throw<BelowThresholdException>(() => honest.Sites[victim].Share(keys)).Message.ShouldContain($"hold shares of '{victim}'");
    }

    [Fact]
    public void Shares_that_are_missing_changed_or_anothers()
    {
        using SecureRound honest = Begin();
        string[] names = [.. honest.Round.Roster];
        IReadOnlyDictionary<string, ReceivedShares> shares = honest.ShareAll();
        MaskingSite site = honest.Sites[names[0]];
        ReceivedShares mine = shares[names[0]];

        Refused(() => site.Receive(mine with { Sharing = [.. names[..5], "stranger"] }), "not in the roster");
        Refused(() => site.Receive(mine with { Shares = [.. mine.Shares.Skip(1)] }), "is to have one from each");
        Refused(() => site.Receive(shares[names[1]]), "is to have one from each");
        Refused(() => site.Receive(mine with { Sharing = names[1..] }), "is not among them");
        Refused(() => site.Receive(mine with { Shares = [.. mine.Shares.Skip(1), mine.Shares[0] with { Ciphertext = mine.Shares[1].Ciphertext }] }), "cannot be decrypted");
        Should.Throw<BelowThresholdException>(() => site.Receive(new ReceivedShares(names[..4], [.. mine.Shares.Take(3)])));
        Refused(() => site.Mask(honest.Integers[names[0]]), "has not taken");

        // Other neighbours would be other masks over the same integers, and the difference a mask in the open.
        site.Receive(mine);
        Refused(() => site.Receive(new ReceivedShares(names[..5], [.. mine.Shares.Take(4)])), "already");
    }

    [Fact]
    public void Sites_that_never_advertised_keys_cannot_have_shared()
    {
        using SecureRound honest = Begin();
        KeyAdvertisement[] keys = Keys(honest)[..5];
        string[] names = [.. keys.Select(site => site.Site)];
        SharedSecrets[] secrets = [.. names.Select(name => honest.Sites[name].Share(keys))];
        var mine = new ReceivedShares([.. honest.Round.Roster], [.. secrets.SelectMany(site => site.Shares).Where(share => share.To == names[0])]);
        Refused(() => honest.Sites[names[0]].Receive(mine), "advertised no keys");
    }

    [Fact]
    public void A_retry_with_other_data_under_the_same_mask()
    {
        using SecureRound honest = Begin();
        string name = honest.Round.Roster[0];
        IReadOnlyDictionary<string, ReceivedShares> shares = honest.ShareAll();
        MaskingSite site = honest.Sites[name];
        site.Receive(shares[name]);
        uint[] first = SecureRound.Read(site.Mask(honest.Integers[name]));
        SecureRound.Read(site.Mask(honest.Integers[name])).ShouldBe(first);

        using TensorSource changed = OneMore(honest.Integers[name]);
        Refused(() => site.Mask(changed), "other integers");
        using TensorSource renamed = new Renamed(honest.Integers[name]);
        Refused(() => site.Mask(renamed), "other integers");
        SecureRound.Read(site.Mask(honest.Integers[name])).ShouldBe(first);
    }

    [Fact]
    public void A_second_message_of_a_site_that_keeps_its_first()
    {
        using SecureRound honest = Begin();
        string name = honest.Round.Roster[0];
        IReadOnlyDictionary<string, ReceivedShares> shares = honest.ShareAll();
        MaskingSite site = honest.Sites[name];
        site.Receive(shares[name]);
        _ = SecureRound.Read(site.MaskOnce(honest.Integers[name]));
        Refused(() => site.MaskOnce(honest.Integers[name]), "has masked integers already");
        Refused(() => site.Mask(honest.Integers[name]), "has masked integers already");
    }

    [Fact]
    public void Survivors_that_contradict_those_it_has_signed()
    {
        using SecureRound honest = Begin();
        string[] names = [.. honest.MaskAll()];
        MaskingSite site = honest.Sites[names[0]];
        using SecureRound other = Begin();
        Refused(() => other.Sites[names[0]].Sign(names), "has not shared its secrets");

        Refused(() => site.Sign([.. names[..5], "stranger"]), "not in the roster");
        Refused(() => site.Sign([.. names, names[1]]), "stands twice");
        Refused(() => site.Sign(names[1..]), "is not among them");
        Should.Throw<BelowThresholdException>(() => site.Sign(names[..4]));
        SurvivorSignature signature = site.Sign(names);
        signature.Site.ShouldBe(names[0]);
        Refused(() => site.Sign(names[..5]), "two sets would unmask");
        _ = site.Sign([.. names.Reverse()]);
    }

    [Fact]
    public void A_survivor_that_never_shared_secrets()
    {
        using SecureRound honest = Begin();
        string[] names = [.. honest.Round.Roster];
        KeyAdvertisement[] keys = Keys(honest);
        SharedSecrets[] secrets = [.. names[..5].Select(name => honest.Sites[name].Share(keys))];
        MaskingSite site = honest.Sites[names[0]];
        site.Receive(new ReceivedShares(names[..5], [.. secrets.SelectMany(one => one.Shares).Where(share => share.To == names[0])]));
        _ = site.Mask(honest.Integers[names[0]]);
        Refused(() => site.Sign(names), "shared no secrets");
    }

    [Fact]
    public void Unmasking_without_enough_signatures_over_the_very_set_and_a_second_time()
    {
        using SecureRound honest = Begin();
        string[] names = [.. honest.MaskAll()];
        MaskingSite site = honest.Sites[names[0]];
        Refused(() => site.Unmask(new UnmaskingRequest(names, [])), "has not signed");
        SurvivorSignature[] signatures = [.. names.Select(name => honest.Sites[name].Sign(names))];
        var request = new UnmaskingRequest(names, signatures);

        Refused(() => site.Unmask(request with { Survivors = names[..5] }), "another set of survivors");
        Should.Throw<BelowThresholdException>(() => site.Unmask(request with { Signatures = signatures[..4] })).Message.ShouldContain("4, but 5 are needed");
        Refused(() => site.Unmask(request with { Signatures = [.. signatures[..4], signatures[0]] }), "stands twice");
        Refused(() => site.Unmask(request with { Signatures = [.. signatures[..4], signatures[0] with { Site = names[5] }] }), "is not over these survivors");
        Refused(() => site.Unmask(request with { Signatures = [.. signatures[..5], signatures[5] with { Signature = [1] }] }), "is not over these survivors");

        using SecureRound earlier = Begin(SecureRound.RoundOf(6, round: 2));
        SurvivorSignature[] replayed = [.. earlier.MaskAll().Select(name => earlier.Sites[name].Sign(names))];
        Refused(() => site.Unmask(request with { Signatures = replayed }), "is not over these survivors");

        site.Unmask(request).Seeds.Count.ShouldBe(6);
        Refused(() => site.Unmask(request), "does once");
    }

    [Fact]
    public void Two_sets_of_survivors_shown_to_two_halves_unmask_nothing()
    {
        // The server keeps one site's message from some: with shares of both of its secrets that site would be bare.
        using SecureRound honest = Begin();
        string[] names = [.. honest.MaskAll()];
        string[] without = names[..5];
        SurvivorSignature[] ofAll = [.. names[3..].Select(name => honest.Sites[name].Sign(names))];
        SurvivorSignature[] ofFive = [.. names[..3].Select(name => honest.Sites[name].Sign(without))];
        foreach (string name in names)
        {
            bool isFive = Array.IndexOf(names, name) < 3;
            string[] shown = isFive ? without : names;
            SurvivorSignature[] signed = isFive ? ofFive : ofAll;
            Should.Throw<BelowThresholdException>(() => honest.Sites[name].Unmask(new UnmaskingRequest(shown, signed)));
            Refused(() => honest.Sites[name].Unmask(new UnmaskingRequest(shown, [.. signed, .. (isFive ? ofAll : ofFive).Where(other => shown.Contains(other.Site))])), "survivors");
        }
    }

    [Fact]
    public void Different_lists_of_keys_or_of_sharing_sites_shown_to_different_sites_unmask_nothing()
    {
        using SecureRound honest = Begin();
        string[] names = [.. honest.Round.Roster];
        KeyAdvertisement[] keys = Keys(honest);
        SharedSecrets[] secrets = [.. names.Select(name => honest.Sites[name].Share(name == names[0] ? keys[..5] : keys))];
        EncryptedShare[] For(string name, int count) => [.. secrets[..count].SelectMany(one => one.Shares).Where(share => share.To == name)];
        foreach (string name in names[..5])
        {
            honest.Sites[name].Receive(new ReceivedShares(names[..5], For(name, 5)));
            _ = honest.Sites[name].Mask(honest.Integers[name]);
        }

        SurvivorSignature[] signatures = [.. names[..5].Select(name => honest.Sites[name].Sign(names[..5]))];
        Refused(() => honest.Sites[names[0]].Unmask(new UnmaskingRequest(names[..5], signatures)), "is not over these survivors, these keys");
        Refused(() => honest.Sites[names[1]].Unmask(new UnmaskingRequest(names[..5], signatures)), "is not over these survivors, these keys");
    }

    [Fact]
    public void A_site_that_is_not_in_the_roster_or_whose_round_is_over_has_no_part()
    {
        AggregationRound round = SecureRound.RoundOf(6);
        Refused(() => new MaskingSite(round, "stranger", Certificates.SignAs("stranger"), Certificates.Verify), "not in the roster");
        SecureRound ended = Begin();
        KeyAdvertisement[] keys = Keys(ended);
        ended.Dispose();
        Should.Throw<ObjectDisposedException>(() => ended.Sites[keys[0].Site].Share(keys));
    }

    private static SecureRound Begin(AggregationRound? round = null) => new(round ?? SecureRound.RoundOf(6), Certificates);

    private static KeyAdvertisement[] Keys(SecureRound round) => [.. round.Sites.Values.Select(site => site.Keys)];

    private static void Refused(Action act, string why) => Should.Throw<SecureAggregationException>(act).Message.ShouldContain(why);

    private static void Refused(Func<object> act, string why) => Refused(() => { _ = act(); }, why);

    private static MemorySource OneMore(TensorSource source) => new([.. source.Manifest.Select((entry, i) =>
    {
        byte[] data = source.ReadTensor(entry.Spec.Name);
        if (i == 2)
        {
            MemoryMarshal.Cast<byte, uint>(data.AsSpan())[0] ^= 1;
        }

        return (entry.Spec, data);
    })]);

    private sealed class Renamed(TensorSource source) : TensorSource
    {
        public override TensorManifest Manifest { get; } = new(source.Manifest.Select(entry => new TensorEntry(entry.Spec with { Name = entry.Spec.Name + "2" })));

        public override void Read(Tile tile, int offset, Span<byte> destination) => source.Read(tile, offset, destination);
    }
}
