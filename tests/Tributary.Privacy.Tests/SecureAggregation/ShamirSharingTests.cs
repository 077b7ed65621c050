using Tributary.Privacy.SecureAggregation;

namespace Tributary.Privacy.Tests.SecureAggregation;

/// <summary>A share too few that still gives the secret unmasks one site; enough that do not give it lose the round.</summary>
public sealed class ShamirSharingTests
{
    [Fact]
    public void It_is_threshold_secret_sharing_as_its_draft_standard_publishes_it()
    {
        // draft-mcgrew-tss-03, section 9: secret "test" with its end, threshold 2. The coefficients follow from the first share, share XOR secret.
        byte[] secret = Convert.FromHexString("7465737400");
        byte[] first = Convert.FromHexString("B9FA07E185");
        byte[] second = Convert.FromHexString("F5409B4511");
        SecretShare[] shares = ShamirSharing.Split(secret, [.. first.Zip(secret, (share, value) => (byte)(share ^ value))], 2);
        shares.Select(share => share.Number).ShouldBe([(byte)1, (byte)2]);
        shares[0].Bytes.ShouldBe(first);
        shares[1].Bytes.ShouldBe(second);
        ShamirSharing.Combine([new(2, second), new(1, first)]).ShouldBe(secret);
    }

    [Fact]
    public void The_field_is_the_one_of_FIPS_197()
    {
        GaloisField256.Multiply(0x57, 0x83).ShouldBe((byte)0xC1);
        GaloisField256.Multiply(0x57, 0x13).ShouldBe((byte)0xFE);
        Enumerable.Range(1, 255).ShouldAllBe(a => GaloisField256.Multiply(a, GaloisField256.Inverse((byte)a)) == 1);
    }

    [Fact]
    public void Every_set_of_as_many_as_the_threshold_gives_the_secret_and_none_with_fewer_does()
    {
        byte[] secret = [.. Enumerable.Range(0, 32).Select(i => (byte)(i * 37))];
        for (int threshold = 1; threshold <= 6; threshold++)
        {
            SecretShare[] shares = ShamirSharing.Split(secret, threshold, 6);
            for (int set = 1; set < 64; set++)
            {
                SecretShare[] some = [.. shares.Where((_, i) => (set >> i & 1) == 1)];
                ShamirSharing.Combine(some).AsSpan().SequenceEqual(secret).ShouldBe(some.Length >= threshold);
            }
        }

        SecretShare[] many = ShamirSharing.Split(secret, 171, 255);
        ShamirSharing.Combine(many[^171..]).ShouldBe(secret);
        ShamirSharing.Combine(many[..170]).ShouldNotBe(secret);
    }

    [Fact]
    public void Below_the_threshold_every_secret_is_as_likely_as_any_other()
    {
        // Over all coefficients a share takes each value once, whatever the secret is.
        foreach (byte secret in (byte[])[0, 1, 0x80, 0xFF])
        {
            foreach (int holder in (int[])[0, 1, 254])
            {
                Enumerable.Range(0, 256).Select(coefficient => ShamirSharing.Split([secret], [(byte)coefficient], 255)[holder].Bytes[0]).Distinct().Count().ShouldBe(256);
            }
        }
    }

    [Fact]
    public void Shares_that_cannot_be_are_refused()
    {
        Should.Throw<ArgumentException>(() => ShamirSharing.Split([1], 2, 256));
        Should.Throw<ArgumentException>(() => ShamirSharing.Split([1], 3, 2));
        Should.Throw<ArgumentException>(() => ShamirSharing.Split([1], 0, 2));
        Should.Throw<ArgumentException>(() => ShamirSharing.Combine([]));
        Should.Throw<ArgumentException>(() => ShamirSharing.Combine([new(1, [1]), new(1, [2])]));
        Should.Throw<ArgumentException>(() => ShamirSharing.Combine([new(0, [1]), new(1, [2])]));
    }
}
