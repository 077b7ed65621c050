using Tributary.Privacy.Rings;
using Tributary.Privacy.SecureAggregation;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Privacy.Tests.SecureAggregation;

/// <summary>Sites that do not keep to the protocol, and messages that come twice or late: none of them may spoil the sum without being seen.</summary>
public sealed class ServerRefusalTests
{
    private static readonly CertificateKeys Certificates = new(SecureRound.Names(6));

    [Fact]
    public void Keys_that_are_not_the_rosters_for_this_round_and_model_or_come_twice_or_late()
    {
        using SecureRound round = Begin();
        using SecureRound earlier = Begin(SecureRound.RoundOf(6, round: 2));
        using SecureRound otherModel = Begin(SecureRound.RoundOf(6, model: "sha256:bb"));
        using SecureRound again = Begin();
        MaskingServer server = round.Server;
        string[] names = [.. round.Round.Roster];
        KeyAdvertisement keys = round.Sites[names[0]].Keys;
        Refused(() => server.Take(keys with { Site = "stranger" }), "not in the roster");
        Refused(() => server.Take(keys with { Site = names[1] }), "signature is not one of");
        Refused(() => server.Take(earlier.Sites[names[0]].Keys), "signature is not one of");
        Refused(() => server.Take(otherModel.Sites[names[0]].Keys), "begins with the model sha256:bb");
        server.Take(keys);
        Refused(() => server.Take(keys), "replay");
        Refused(() => server.Take(again.Sites[names[0]].Keys), "replay");
        Should.Throw<BelowThresholdException>(() => server.CloseKeys()).Message.ShouldContain("1, but 5 are needed");
        foreach (string name in names[1..5])
        {
            server.Take(round.Sites[name].Keys);
        }

        server.CloseKeys().Count.ShouldBe(5);
        Refused(() => server.Take(round.Sites[names[5]].Keys), "too late");
        Should.Throw<InvalidOperationException>(() => server.CloseKeys());
        Refused(() => server.Take(new SharedSecrets(names[5], [], [])), "no part");
    }

    [Fact]
    public void Shares_that_are_not_one_for_each_neighbour()
    {
        using SecureRound round = Begin();
        Refused(() => round.Server.Take(new SharedSecrets(round.Round.Roster[0], [], [])), "too early");
        foreach (MaskingSite site in round.Sites.Values)
        {
            round.Server.Take(site.Keys);
        }

        IReadOnlyList<KeyAdvertisement> keys = round.Server.CloseKeys();
        SharedSecrets secrets = round.Sites[round.Round.Roster[0]].Share(keys);
        Refused(() => round.Server.Take(secrets with { Shares = [.. secrets.Shares.Skip(1)] }), "not one for each");
        Refused(() => round.Server.Take(secrets with { Shares = [.. secrets.Shares.Skip(1), secrets.Shares[1]] }), "not one for each");
        Refused(() => round.Server.Take(secrets with { Site = round.Round.Roster[1] }), "not one for each");
        round.Server.Take(secrets);
        Refused(() => round.Server.Take(secrets), "replay");
        Should.Throw<BelowThresholdException>(() => round.Server.CloseShares());
    }

    [Fact]
    public void Masked_integers_that_come_twice_or_do_not_fit()
    {
        using SecureRound round = Begin();
        IReadOnlyDictionary<string, ReceivedShares> shares = round.ShareAll();
        string name = round.Round.Roster[0];
        round.Sites[name].Receive(shares[name]);
        using TensorSource masked = round.Sites[name].Mask(round.Integers[name]);
        using var floats = new MemorySource(MemorySource.F32("w", [1], 1));
        Should.Throw<TensorFormatException>(() => round.Server.Take(name, floats)).Message.ShouldContain("U32");
        Refused(() => round.Server.Take("stranger", masked), "no part");
        round.Server.Take(name, masked);
        Refused(() => round.Server.Take(name, masked), "replay");
        using var fewer = new MemorySource((new TensorSpec("w", DType.U32, new TensorShape(1)), new byte[4]));
        Should.Throw<TensorFormatException>(() => round.Server.Take(round.Round.Roster[1], fewer)).Message.ShouldContain("cannot be added up");
        Should.Throw<BelowThresholdException>(() => round.Server.CloseInputs());
    }

    [Fact]
    public void Signatures_over_another_set_and_answers_with_a_share_too_few_or_of_the_wrong_secret()
    {
        using SecureRound round = Begin();
        string[] names = [.. round.MaskAll()];
        SurvivorSignature contradicts = round.Sites[names[5]].Sign(names[1..]);
        Refused(() => round.Server.Take(contradicts), "not over these survivors");
        Refused(() => round.Server.Take(contradicts with { Site = "stranger" }), "none of them");
        foreach (string name in names[..5])
        {
            SurvivorSignature signature = round.Sites[name].Sign(names);
            round.Server.Take(signature);
            Refused(() => round.Server.Take(signature), "replay");
        }

        UnmaskingRequest request = round.Server.CloseSignatures();
        UnmaskingAnswer answer = round.Sites[names[0]].Unmask(request);
        Refused(() => round.Server.Take(answer with { Seeds = [.. answer.Seeds.Skip(1)] }), "not a share");
        Refused(() => round.Server.Take(answer with { Seeds = [.. answer.Seeds.Skip(1), answer.Seeds[1]] }), "not a share");
        Refused(() => round.Server.Take(answer with { MaskKeys = [answer.Seeds[0]] }), "not a share");
        Refused(() => round.Server.Take(answer with { Seeds = [.. answer.Seeds.Select(share => share with { Share = share.Share[1..] })] }), "not a share");
        round.Server.Take(answer);
        Refused(() => round.Server.Take(answer), "replay");
        Should.Throw<BelowThresholdException>(() => round.Server.Unmask());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_wrong_share_gives_no_sum_instead_of_a_wrong_one(bool ofDropped)
    {
        using SecureRound round = Begin();
        string dropped = round.Round.Roster[5];
        IReadOnlyDictionary<string, ReceivedShares> shares = round.ShareAll();
        string[] names = [.. round.Round.Roster.Where(name => name != dropped)];
        foreach (string name in names)
        {
            round.Sites[name].Receive(shares[name]);
            round.Server.Take(name, round.Sites[name].Mask(round.Integers[name]));
        }

        IReadOnlyList<string> survivors = round.Server.CloseInputs();
        foreach (string name in names)
        {
            round.Server.Take(round.Sites[name].Sign(survivors));
        }

        UnmaskingRequest request = round.Server.CloseSignatures();
        foreach (string name in names)
        {
            UnmaskingAnswer answer = round.Sites[name].Unmask(request);
            if (name == names[2])
            {
                RevealedShare share = (ofDropped ? answer.MaskKeys : answer.Seeds)[0];
                share.Share[7] ^= 0x10;
            }

            round.Server.Take(answer);
        }

        Refused(() => round.Server.Unmask(), ofDropped ? $"mask key of '{dropped}'" : $"self mask of '{names[0]}'");
    }

    [Fact]
    public void A_ring_in_which_the_sum_goes_around_and_a_roster_with_a_site_twice()
    {
        Should.Throw<ArgumentException>(() => new AggregationRound("job", 1, "m", SecureRound.Names(6), new RingGrid(1, 8, 5))).Message.ShouldContain("up to 5 sites");
        Should.Throw<ArgumentException>(() => new AggregationRound("job", 1, "m", ["a", "b", "a"], new RingGrid(1, 8, 5)));
    }

    private static SecureRound Begin(AggregationRound? round = null) => new(round ?? SecureRound.RoundOf(6), Certificates);

    private static void Refused(Action act, string why) => Should.Throw<SecureAggregationException>(act).Message.ShouldContain(why);

    private static void Refused(Func<object> act, string why) => Refused(() => { _ = act(); }, why);
}
