namespace Tributary.Transport.Tests.Objects;

/// <summary>A part's checksum: where two machines compute another one for the same bytes, no transfer between them ever ends.</summary>
public sealed class Crc64Tests
{
    [Theory]
    [InlineData("", 0)]
    [InlineData("123456789", 0xAE8B14860A799888)]
    [InlineData("hello", 0x3377857006524257)]
    public void The_checksum_is_the_one_of_the_specification(string text, ulong expected) =>
        PartChecksum.Of(System.Text.Encoding.ASCII.GetBytes(text)).Value.ShouldBe(expected);

    [Fact]
    public void Folding_agrees_with_one_bit_after_the_other_at_every_length_alignment_and_cut()
    {
        byte[] bytes = new byte[3001];
        new Random(1).NextBytes(bytes);
        for (int from = 0; from < 9; from++)
        {
            for (int length = 0; length + from <= bytes.Length; length += 61)
            {
                ReadOnlySpan<byte> run = bytes.AsSpan(from, length);
                var whole = new Crc64();
                whole.Append(run);
                var cut = new Crc64();
                cut.Append(run[..(length / 3)]);
                cut.Append(run[(length / 3)..]);
                ulong expected = BitByBit(run);
                (whole.Value, cut.Value).ShouldBe((expected, expected), $"{length} bytes from {from}");
            }
        }
    }

    [Fact]
    public void Every_single_bit_that_is_flipped_in_a_step_is_found()
    {
        byte[] bytes = new byte[1024];
        new Random(2).NextBytes(bytes);
        var seen = new HashSet<ulong> { PartChecksum.Of(bytes).Value };
        for (int bit = 0; bit < 8 * bytes.Length; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            seen.Add(PartChecksum.Of(bytes).Value).ShouldBeTrue($"bit {bit}");
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    private static ulong BitByBit(ReadOnlySpan<byte> bytes)
    {
        ulong state = ulong.MaxValue;
        foreach (byte one in bytes)
        {
            state ^= one;
            for (int bit = 0; bit < 8; bit++)
            {
                state = (state >> 1) ^ ((state & 1) == 0 ? 0 : 0x9A6C9329AC4BC9B5);
            }
        }

        return ~state;
    }
}
