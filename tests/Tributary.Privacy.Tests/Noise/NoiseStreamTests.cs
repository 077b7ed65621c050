using Tributary.Privacy.Noise;

namespace Tributary.Privacy.Tests.Noise;

/// <summary>A retry after a crash sends the same bytes only if noise is the same whenever and however it is read.</summary>
public sealed class NoiseStreamTests
{
    [Fact]
    public void It_is_counter_mode_as_NIST_publishes_it()
    {
        // NIST SP 800-38A, F.5.5: the output blocks of CTR-AES256.Encrypt.
        var stream = new NoiseStream(Convert.FromHexString("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"));
        byte[] blocks = new byte[64];
        stream.Fill(UInt128.Parse("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", System.Globalization.NumberStyles.HexNumber), blocks);
        Convert.ToHexStringLower(blocks).ShouldBe(
            "0bdf7df1591716335e9a8b15c860c502" + "5a6e699d536119065433863c8f657b94" + "1bc12c9c01610d5d0d8bd6a3378eca62" + "2956e1c8693536b1bee99c73a31576b6");
    }

    [Fact]
    public void Any_run_is_the_same_bytes_in_any_order_on_any_thread()
    {
        var stream = new NoiseStream(Keys.Fixed(1), "test", "w");
        byte[] whole = new byte[100_000 / 16 * 16];
        stream.Fill(0, whole);
        Parallel.For(0, 200, i =>
        {
            int first = (i * 7919) % 6000;
            byte[] part = new byte[16 * (1 + (i % 200))];
            stream.Fill((UInt128)first, part);
            part.ShouldBe(whole[(first * 16)..((first * 16) + part.Length)]);
        });
    }

    [Fact]
    public void Rounds_purposes_and_tensors_have_nothing_in_common()
    {
        byte[][] streams =
        [
            First(new NoiseStream(Keys.Fixed(1), "test", "w")),
            First(new NoiseStream(Keys.Fixed(2), "test", "w")),
            First(new NoiseStream(Keys.Fixed(1), "tests", "w")),
            First(new NoiseStream(Keys.Fixed(1), "test", "v")),
            First(new NoiseStream(Keys.Fixed(1), "test\0w", string.Empty)),
        ];
        streams.Select(Convert.ToHexStringLower).Distinct().Count().ShouldBe(streams.Length);
    }

    [Fact]
    public void New_keys_are_never_the_same_and_their_fingerprint_does_not_tell_them()
    {
        var (first, second) = (NoiseKey.Create(), NoiseKey.Create());
        first.Fingerprint.ShouldNotBe(second.Fingerprint);
        first.Fingerprint.ShouldNotContain(Convert.ToHexStringLower(first.Bytes[..8]));
        Should.Throw<ArgumentException>(() => new NoiseKey(new byte[31]));
    }

    private static byte[] First(NoiseStream stream)
    {
        byte[] block = new byte[16];
        stream.Fill(0, block);
        return block;
    }
}

/// <summary>Keys that are the same in every run, so that a statistical test that passes once passes always.</summary>
internal static class Keys
{
    public static NoiseKey Fixed(byte number) => new([.. Enumerable.Repeat(number, NoiseKey.Length)]);
}
