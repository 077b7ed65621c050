using System.Security.Cryptography;
using Tributary.Privacy.Rings;
using Tributary.Privacy.SecureAggregation;

namespace Tributary.Privacy.Tests.SecureAggregation;

/// <summary>Masks cancel only if both sites come to the same seed, and protect only if nothing else has that seed.</summary>
public sealed class AgreementKeyTests
{
    [Fact]
    public void It_is_the_key_agreement_of_RFC_5903()
    {
        // Section 8.1, the 256-bit random ECP group.
        byte[] i = Convert.FromHexString("C88F01F510D9AC3F70A292DAA2316DE544E9AAB8AFE84049C62A9C57862D1433");
        byte[] r = Convert.FromHexString("C6EF9C5D78AE012A011164ACB397CE2088685D8F06BF9BE0B283AB46476BEE53");
        byte[] gi = Convert.FromHexString("04DAD0B65394221CF9B051E1FECA5787D098DFE637FC90B9EF945D0C37725811805271A0461CDB8252D61F1C456FA3E59AB1F45B33ACCF5F58389E0577B8990BB3");
        byte[] gr = Convert.FromHexString("04D12DFB5289C8D4F81208B70270398C342296970A0BCCB74C736FC7554494BF6356FBF3CA366CC23E8157854C13C58D6AAC23F046ADA30F8353E74F33039872AB");
        using var one = AgreementKey.FromSecret(i);
        using var other = AgreementKey.FromSecret(r);
        one.PublicKey.ShouldBe(gi);
        other.PublicKey.ShouldBe(gr);
        one.Agree(gr).ShouldBe(Convert.FromHexString("D6840F6B42F6EDAFD13116E0E12565202FEF8E9ECE7DCE03812464D04B9442DE"));
        other.Agree(gi).ShouldBe(one.Agree(gr));
        one.ExportSecret().ShouldBe(i);
    }

    [Fact]
    public void Seeds_are_derived_as_RFC_5869_writes_it()
    {
        // Appendix A.1 and A.3 of the RFC, then our own seed by the same steps.
        byte[] ikm = [.. Enumerable.Repeat((byte)0x0b, 22)];
        Hkdf(ikm, [.. Enumerable.Range(0, 13).Select(b => (byte)b)], [.. Enumerable.Range(0xf0, 10).Select(b => (byte)b)], 42)
            .ShouldBe(Convert.FromHexString("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"));
        Hkdf(ikm, [], [], 42).ShouldBe(Convert.FromHexString("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"));

        using var one = AgreementKey.Create();
        using var other = AgreementKey.Create();
        AggregationRound round = SecureRound.RoundOf(3);
        byte[] info = CanonicalBytes.Of("pair mask", round.Digest, "job", 3, "sha256:aa", "a", "b");
        one.PairSeed(round, other.PublicKey, "b", "a").Bytes.ToArray().ShouldBe(Hkdf(one.Agree(other.PublicKey), [], info, 32));
    }

    [Fact]
    public void Both_come_to_the_same_seed_and_any_other_job_round_model_roster_ring_or_pair_to_another()
    {
        using var one = AgreementKey.Create();
        using var other = AgreementKey.Create();
        AggregationRound[] rounds =
        [
            SecureRound.RoundOf(4),
            SecureRound.RoundOf(4, job: "another"),
            SecureRound.RoundOf(4, round: 4),
            SecureRound.RoundOf(4, model: "sha256:ab"),
            SecureRound.RoundOf(5),
            SecureRound.RoundOf(4, bits: 9),
            SecureRound.RoundOf(4, cohort: 4),
            new("job", 3, "sha256:aa", SecureRound.Names(4), new RingGrid(2, 8, 4)),
        ];
        string[] seeds =
        [
            .. rounds.Select(round => one.PairSeed(round, other.PublicKey, "a", "b").Fingerprint),
            one.PairSeed(rounds[0], other.PublicKey, "a", "c").Fingerprint,
            Convert.ToHexStringLower(SHA256.HashData(one.ShareKey(rounds[0], other.PublicKey, "a", "b"))),
            Convert.ToHexStringLower(SHA256.HashData(one.ShareKey(rounds[0], other.PublicKey, "b", "a"))),
        ];
        seeds.Distinct().Count().ShouldBe(seeds.Length);
        rounds.ShouldAllBe(round => other.PairSeed(round, one.PublicKey, "b", "a").Fingerprint == one.PairSeed(round, other.PublicKey, "a", "b").Fingerprint);
    }

    [Fact]
    public void Names_cannot_be_moved_from_one_field_to_the_next()
    {
        CanonicalBytes.Of("ab", "c").ShouldNotBe(CanonicalBytes.Of("a", "bc"));
        CanonicalBytes.Of("a", string.Empty).ShouldNotBe(CanonicalBytes.Of("a"));
    }

    [Fact]
    public void What_is_no_point_of_the_curve_is_no_key()
    {
        for (int i = 0; i < 20; i++)
        {
            using var key = AgreementKey.Create();
            AgreementKey.IsPublicKey(key.PublicKey).ShouldBeTrue();
            foreach (int place in (int[])[0, 33, 48, 64])
            {
                byte[] changed = [.. key.PublicKey];
                changed[place] ^= 1;
                AgreementKey.IsPublicKey(changed).ShouldBeFalse();
                Should.Throw<CryptographicException>(() => key.Agree(changed));
            }
        }

        foreach (int length in (int[])[0, 33, 64, 65, 66])
        {
            AgreementKey.IsPublicKey([.. Enumerable.Repeat((byte)4, length)]).ShouldBeFalse();
        }

        AgreementKey.IsPublicKey([4, .. Enumerable.Repeat((byte)0xFF, 64)]).ShouldBeFalse();
    }

    [Fact]
    public void A_share_is_read_by_its_holder_as_it_was_sent_or_not_at_all()
    {
        AggregationRound round = SecureRound.RoundOf(3);
        using var from = AgreementKey.Create();
        using var to = AgreementKey.Create();
        var shares = new HeldShares([.. Enumerable.Repeat((byte)1, 32)], [.. Enumerable.Repeat((byte)2, 32)]);
        var sent = new EncryptedShare("a", "b", shares.Seal(round, from, to.PublicKey, "a", "b"));
        HeldShares read = HeldShares.Open(round, to, from.PublicKey, sent);
        read.MaskKey.ShouldBe(shares.MaskKey);
        read.Seed.ShouldBe(shares.Seed);
        for (int i = 0; i < sent.Ciphertext.Length; i++)
        {
            byte[] changed = [.. sent.Ciphertext];
            changed[i] ^= 1;
            Should.Throw<SecureAggregationException>(() => HeldShares.Open(round, to, from.PublicKey, sent with { Ciphertext = changed }));
        }

        Should.Throw<SecureAggregationException>(() => HeldShares.Open(round, to, from.PublicKey, sent with { Ciphertext = sent.Ciphertext[..^1] }));
        Should.Throw<SecureAggregationException>(() => HeldShares.Open(round, to, from.PublicKey, sent with { From = "b", To = "a" }));
        Should.Throw<SecureAggregationException>(() => HeldShares.Open(SecureRound.RoundOf(3, round: 4), to, from.PublicKey, sent));
    }

    private static byte[] Hkdf(byte[] ikm, byte[] salt, byte[] info, int length)
    {
        byte[] prk = HMACSHA256.HashData(salt.Length == 0 ? new byte[32] : salt, ikm);
        var okm = new List<byte>();
        byte[] block = [];
        for (byte i = 1; okm.Count < length; i++)
        {
            byte[] input = [.. block, .. info, i];
            block = HMACSHA256.HashData(prk, input);
            okm.AddRange(block);
        }

        return [.. okm.Take(length)];
    }
}
