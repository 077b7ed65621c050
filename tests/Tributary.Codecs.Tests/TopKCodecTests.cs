using Tributary.Codecs.Sparse;
using Tributary.Tensors;

namespace Tributary.Codecs.Tests;

/// <summary>topk by hand, and what it makes of runs that are not like a trained model's changes.</summary>
public sealed class TopKCodecTests
{
    [Fact]
    public void Positions_signs_and_two_magnitudes_stand_where_the_document_says()
    {
        // Four of 256 are kept. The means of the sides are 1.5 and 8; positions 3, 130, 131 and 255 are 0, 2, 2 and 3 times 64, and 3, 2, 3 and 63.
        float[] values = new float[256];
        (values[3], values[130], values[131], values[255]) = (-8, 1, -2, 8);
        Encoded encoded = Encoded.Of(Precision.TopK, values);
        encoded.ScaleBytes.ShouldBe([0xC0, 0x3F, 0x00, 0x41]);
        encoded.CodeBytes.ShouldBe(
        [
            0b000011_00, 0b0010_0000, 0b11_111111, 0, 0, 0, // low bits
            0b1001_1010, 0, // the ones are at 0 + 0, 2 + 1, 2 + 2 and 3 + 3
            0b11_00_10_01, 0, // minus upper, plus lower, minus lower, plus upper
        ]);
        float[] decoded = encoded.Decode();
        (decoded[3], decoded[130], decoded[131], decoded[255]).ShouldBe((-8, 1.5f, -1.5f, 8));
        decoded.Count(value => value != 0).ShouldBe(4);
    }

    [Fact]
    public void Of_equal_magnitudes_the_first_are_kept()
    {
        float[] values = new float[4096];
        values.AsSpan().Fill(-1);
        values[4000] = 2;
        float[] decoded = Encoded.Of(Precision.TopK, values).Decode();
        decoded[..63].ShouldAllBe(value => value == -1);
        decoded[63..4000].ShouldAllBe(value => value == 0);
        decoded[4000].ShouldBe(2);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(63)]
    public void Where_fewer_values_are_not_zero_nothing_else_is_decoded(int notZero)
    {
        float[] values = new float[4096 + 77];
        for (int i = 0; i < notZero; i++)
        {
            values[(i * 65) + 1] = i % 3 == 0 ? -0.5f : 2;
        }

        Encoded.Of(Precision.TopK, values).Decode().ShouldBe(values);
    }

    [Theory]
    [InlineData(8, 13, 4096)]
    [InlineData(64, 10, 512)]
    [InlineData(128, 9, 256)]
    [InlineData(256, 8, 128)]
    [InlineData(1024, 6, 32)]
    public void A_denser_codec_has_fewer_low_bits_and_keeps_what_it_promises(int kept, int groupBytes, int groupElements)
    {
        var codec = new TopKCodec("topk", kept);
        codec.Planes[^1].ShouldBe(new Plane(groupBytes, groupElements));
        float[] values = TestValues.Gaussian((3 * 4096) + 1000, seed: kept);
        float[] decoded = Encoded.Of(codec, values).Decode();
        for (int start = 0; start < values.Length; start += 4096)
        {
            float[] run = values[start..Math.Min(start + 4096, values.Length)];
            int count = ((run.Length * kept) + 4095) / 4096;
            int[] expected = [.. run.Index().OrderByDescending(value => Math.Abs(value.Item)).Take(count).Select(value => value.Index).Order()];
            int[] got = [.. decoded[start..(start + run.Length)].Index().Where(value => value.Item != 0).Select(value => value.Index)];
            got.ShouldBe(expected);
            got.ShouldAllBe(i => Math.Sign(decoded[start + i]) == Math.Sign(run[i]));
            decoded.Skip(start).Take(run.Length).Select(Math.Abs).Distinct().Count().ShouldBeInRange(2, 3);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    [InlineData(65)]
    [InlineData(2048)]
    public void Another_share_than_a_power_of_two_of_the_run_is_refused(int kept) =>
        Should.Throw<ArgumentOutOfRangeException>(() => new TopKCodec("topk", kept)).Message.ShouldContain("a power of two from 8 to 1024");

    [Fact]
    public void Bytes_that_no_sender_writes_are_decoded_to_something_of_the_right_length()
    {
        // A server must not fall over what a site makes up: positions beyond the run, too many of them, none.
        var random = new Random(1);
        foreach (int length in new[] { 1, 63, 65, 513, 4095, 4096, 5000 })
        {
            float[] values = new float[length];
            byte[] scales = new byte[Precision.TopK.ScaleBytes(length)];
            byte[] codes = new byte[Precision.TopK.CodeBytes(length)];
            scales.AsSpan().Fill(0x3F);
            codes.AsSpan().Fill(0xFF);
            Precision.TopK.Decode(scales, codes, values);
            for (int i = 0; i < 200; i++)
            {
                random.NextBytes(codes);
                Precision.TopK.Decode(scales, codes, values);
                values.Count(value => value != 0).ShouldBeLessThanOrEqualTo((length / 4096 * 64) + ((length % 4096) + 63) / 64);
            }
        }
    }

    [Fact]
    public void A_whole_tile_takes_as_many_bytes_as_its_runs()
    {
        Precision.TopK.ByteLength(DType.F32, Tile.ElementsMax).ShouldBe(256 * 84);
        Precision.TopK.ByteLength(DType.F32, 1).ShouldBe(14);
    }
}
