namespace Tributary.Codecs.Tests;

/// <summary>int4, int2 and int1 by hand: whoever writes another reader or writer needs these very bytes.</summary>
public sealed class FittedCodecTests
{
    /// <summary>So small that a seventh, a third or the mean of such values is no bfloat16.</summary>
    private const float Tiny = 1e-44f;

    public static TheoryData<string> Fitted => ["int4", "int2", "int1"];

    [Fact]
    public void Int4_has_whole_numbers_of_a_seventh_of_the_largest_value_ties_to_even()
    {
        // The scale is 0.5: bfloat16 3F00. Halfway between 0 and 1, 1 and 2, 2 and 3, and the same below zero.
        Encoded encoded = Encoded.Of(Precision.Int4, [3.5f, -3.5f, 0.25f, 0.75f, 1.25f, -0.25f, -0.75f, -1.25f, 1]);
        encoded.ScaleBytes.ShouldBe([0x00, 0x3F]);
        encoded.CodeBytes.ShouldBe([0x79, 0x02, 0x20, 0xEE, 0x20]);
        encoded.Decode().ShouldBe([3.5f, -3.5f, 0, 1, 1, 0, -1, -1, 1]);
    }

    [Fact]
    public void Int2_has_the_scale_that_loses_least_and_the_first_element_in_the_highest_bits()
    {
        // The mean magnitude is 1.75, so the inner levels take what is up to 2.184. Their sum is 4, that of the outer one 3: (4 + 3 * 3) / (3 + 9).
        Encoded encoded = Encoded.Of(Precision.Int2, [1, -3, 2, -1]);
        encoded.ScaleBytes.ShouldBe([0x8B, 0x3F]);
        encoded.CodeBytes.ShouldBe([0b10_00_10_01]);
        encoded.Decode().ShouldBe([1.0859375f, -3.2578125f, 1.0859375f, -1.0859375f]);
    }

    [Fact]
    public void Int1_has_the_mean_magnitude_and_zero_counts_as_above_zero()
    {
        Encoded encoded = Encoded.Of(Precision.Int1, [1, -3, 0, -0f, -2, 0, 4, -2, -4]);
        encoded.ScaleBytes.ShouldBe([0xE4, 0x3F]);
        encoded.CodeBytes.ShouldBe([0b0100_1001, 0b1000_0000]);
        encoded.Decode()[..3].ShouldBe([1.78125f, -1.78125f, 1.78125f]);
    }

    [Theory]
    [MemberData(nameof(Fitted))]
    public void Each_block_has_its_own_scale_and_a_block_of_zeros_stays_zero(string precision)
    {
        Codec codec = Precision.Parse(precision);
        float[] values = new float[(3 * codec.BlockElements) + 5];
        values.AsSpan(0, codec.BlockElements).Fill(0.875f);
        values.AsSpan(2 * codec.BlockElements).Fill(-7);
        Encoded.Of(codec, values).Decode().ShouldBe(values);
    }

    [Theory]
    [MemberData(nameof(Fitted))]
    public void The_largest_floats_do_not_become_infinite(string precision)
    {
        foreach (float largest in new[] { float.MaxValue, -float.MaxValue, 3e38f })
        {
            foreach (float other in new[] { largest, -largest, 0, 1.6e38f })
            {
                float[] values = [.. Enumerable.Range(0, 128).Select(i => i % 3 == 0 ? largest : other)];
                float[] decoded = Encoded.Of(Precision.Parse(precision), values).Decode();

                // Nor do they in a bfloat16, for a tensor of that type.
                decoded.ShouldAllBe(value => Math.Abs(value) <= 3.3895314e38f);
                decoded[0].ShouldNotBe(0);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Fitted))]
    public void Values_too_small_for_the_scale_become_zeros(string precision)
    {
        float[] values = [.. Enumerable.Range(0, 200).Select(i => i % 2 == 0 ? Tiny : -Tiny)];
        Encoded.Of(Precision.Parse(precision), values).Decode().ShouldAllBe(value => value == 0);
    }
}
