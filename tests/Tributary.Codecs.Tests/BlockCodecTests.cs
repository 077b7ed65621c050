using Tributary.Codecs.Levels;

namespace Tributary.Codecs.Tests;

public sealed class BlockCodecTests
{
    private static readonly LevelTable[] Tables = [Nf4Levels.Table, Fp4Levels.Table, DynamicLevels.Table];

    [Fact]
    public void Element_2i_is_the_high_nibble_and_an_odd_end_is_padded_with_zero()
    {
        Encoded encoded = Encoded.Of(Precision.Nf4, [1, -1, 1]);
        encoded.CodeBytes.ShouldBe([0xF0, 0xF0]);
        encoded.Scales.ShouldBe([1f]);
    }

    [Fact]
    public void A_value_equal_to_a_midpoint_goes_to_the_lower_level()
    {
        foreach (LevelTable table in Tables)
        {
            for (int i = 0; i < table.Midpoints.Length; i++)
            {
                table.Nearest(table.Midpoints[i]).ShouldBe(table.Codes[i]);
                table.Nearest(MathF.BitIncrement(table.Midpoints[i])).ShouldBe(table.Codes[i + 1]);
            }
        }
    }

    [Fact]
    public void Every_level_is_nearest_to_itself()
    {
        foreach (LevelTable table in Tables)
        {
            foreach (byte code in table.Codes)
            {
                table.Nearest(table.Values[code]).ShouldBe(code);
            }
        }
    }

    [Fact]
    public void A_full_block_of_zeros_keeps_its_zero_scale_and_a_short_one_stores_the_divisor()
    {
        Encoded encoded = Encoded.Of(Precision.Nf4, new float[65]);
        encoded.Scales.ShouldBe([0f, 1e-38f]);
        encoded.Decode().ShouldAllBe(value => value == 0);
    }

    [Fact]
    public void Only_the_short_block_divides_where_the_others_multiply_by_the_reciprocal()
    {
        // A quotient that differs from the product by one bit, put exactly on a midpoint, tells the two apart.
        LevelTable levels = Nf4Levels.Table;
        (float absmax, float value) = FindDisagreement(levels.Midpoints);
        float[] full = new float[64];
        (full[0], full[1]) = (absmax, value);
        byte multiplied = levels.Nearest(value * (1 / absmax));
        byte divided = levels.Nearest(value / absmax);
        multiplied.ShouldNotBe(divided);
        Encoded.Of(Precision.Nf4, full).Unpacked[1].ShouldBe(multiplied);
        Encoded.Of(Precision.Nf4, full.AsSpan(0, 63)).Unpacked[1].ShouldBe(divided);
    }

    [Fact]
    public void No_elements_take_no_bytes()
    {
        foreach (Codec codec in Precision.All)
        {
            codec.ScaleBytes(0).ShouldBe(0);
            codec.CodeBytes(0).ShouldBe(0);
            Encoded.Of(codec, []).Decode().ShouldBeEmpty();
        }
    }

    [Fact]
    public void A_strip_decodes_alone_to_what_it_is_in_its_tile()
    {
        float[] values = TestValues.HeavyTailed((9 * 4096) + 777, seed: 5);
        foreach (Codec codec in Precision.All)
        {
            Encoded tile = Encoded.Of(codec, values);
            float[] whole = tile.Decode();
            for (int start = 0; start < values.Length; start += 4096)
            {
                float[] strip = new float[Math.Min(4096, values.Length - start)];
                var scales = new List<byte>();
                int planeStart = 0;
                foreach (Plane plane in codec.Planes[..^1])
                {
                    scales.AddRange(tile.ScaleBytes.AsSpan(planeStart + plane.Offset(start), plane.StripLength(start, strip.Length)));
                    planeStart += plane.ByteLength(values.Length);
                }

                byte[] codes = tile.CodeBytes[codec.Planes[^1].Offset(start)..][..codec.CodeBytes(strip.Length)];
                codec.Decode(start, scales.ToArray(), codes, strip);
                strip.ShouldBe(whole[start..(start + strip.Length)], codec.Name);
            }
        }
    }

    private static (float Absmax, float Value) FindDisagreement(ReadOnlySpan<float> midpoints)
    {
        var random = new Random(1);
        while (true)
        {
            float absmax = 1 + random.NextSingle();
            foreach (float midpoint in midpoints)
            {
                float value = midpoint * absmax;
                foreach (float near in (ReadOnlySpan<float>)[value, MathF.BitIncrement(value), MathF.BitDecrement(value)])
                {
                    if (near / absmax > midpoint != near * (1 / absmax) > midpoint)
                    {
                        return (absmax, near);
                    }
                }
            }
        }
    }
}
