using FsCheck;
using FsCheck.Fluent;
using Tributary.Codecs.Levels;

namespace Tributary.Codecs.Tests;

public sealed class CodecPropertyTests
{
    /// <summary>One to 200 values of any size whose largest is a normal number.</summary>
    private static readonly Arbitrary<float[]> Blocks = ArbMap.Default.GeneratorFor<int>()
        .Select(bits => BitConverter.Int32BitsToSingle(bits & ~0x4000_0000)) // Magnitudes below 2, most of them tiny.
        .Or(Gen.Choose(-1000, 1000).Select(value => value / 999f))
        .ArrayOf()
        .Where(values => values.Length is > 0 and <= 200 && values.All(float.IsFinite))
        .SelectMany(values => Gen.Choose(-60, 60).Select(exponent => values.Select(value => MathF.ScaleB(value, exponent)).ToArray()))
        .Where(values => values.Chunk(64).All(block => block.Max(MathF.Abs) > 1.2e-38f))
        .ToArbitrary();

    private static readonly (Codec Codec, double[] Levels)[] LevelsOf =
    [
        (Precision.Nf4, Ascending(Nf4Levels.Table)),
        (Precision.Fp4, Ascending(Fp4Levels.Table)),
        (Precision.Int8, Ascending(DynamicLevels.Table)),
        (Precision.Int8b, [.. Enumerable.Range(-127, 255).Select(n => n / 127.0)]),
    ];

    [Fact]
    public void A_decoded_value_is_within_half_a_level_of_what_was_encoded() => Prop.ForAll(Blocks, values =>
    {
        foreach ((Codec codec, double[] levels) in LevelsOf)
        {
            Encoded encoded = Encoded.Of(codec, values);
            float[] decoded = encoded.Decode();
            for (int i = 0; i < values.Length; i++)
            {
                // Half the gap to the neighbour on the side where the value lies; at the outermost, to the end of the range.
                double absmax = encoded.Scales[i / codec.BlockElements];
                double scaled = Math.Clamp(values[i] / absmax, -1, 1);
                int upper = Array.FindIndex(levels, level => level >= scaled);
                double allowed = upper <= 0 ? levels[0] + 1 : (levels[upper] - levels[upper - 1]) / 2;
                if (Math.Abs((double)decoded[i] - values[i]) > absmax * (allowed + 1e-6))
                {
                    return false.Label($"{codec.Name}: {values[i]:R} became {decoded[i]:R} where the largest is {absmax:R}");
                }
            }
        }

        return true.ToProperty();
    }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("nf4")]
    [InlineData("fp4")]
    [InlineData("fp16")]
    [InlineData("bf16")]
    [InlineData("int8b")]
    [InlineData("int4")]
    [InlineData("int1")]
    public void What_has_been_decoded_encodes_to_the_same_bytes(string precision) => Prop.ForAll(Blocks, values =>
    {
        Encoded first = Encoded.Of(Precision.Parse(precision), values);
        Encoded second = Encoded.Of(Precision.Parse(precision), first.Decode());
        return first.ScaleBytes.SequenceEqual(second.ScaleBytes) && first.CodeBytes.SequenceEqual(second.CodeBytes);
    }).QuickCheckThrowOnFailure();

    private static double[] Ascending(LevelTable table) => [.. table.Codes.ToArray().Select(code => (double)table.Values[code])];
}
