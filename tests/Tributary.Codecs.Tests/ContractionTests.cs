using FsCheck;
using FsCheck.Fluent;

namespace Tributary.Codecs.Tests;

/// <summary>
/// What a sender keeps for later, because its message did not say it, must be less than what it had to say, or it grows from round to
/// round and the model never gets what the sites learned.
/// </summary>
public sealed class ContractionTests
{
    /// <summary>One to 300 values of any size, many of them zeros or equal.</summary>
    private static readonly Arbitrary<float[]> Changes = ArbMap.Default.GeneratorFor<int>().Select(BitConverter.Int32BitsToSingle)
        .Or(Gen.Choose(-1000, 1000).Select(value => value / 999f))
        .Or(Gen.Elements(0f, -0f, 1f, -1f, float.MaxValue, float.Epsilon, 1e-38f, 1.2e-38f, -3e38f))
        .ArrayOf()
        .Where(values => values.Length is > 0 and <= 300 && values.All(float.IsFinite))
        .SelectMany(values => Gen.Choose(-150, 100).Select(exponent => values.Select(value => Scaled(value, exponent)).ToArray()).Or(Gen.Constant(values)))
        .ToArbitrary();

    [Theory]
    [InlineData("int4")]
    [InlineData("int2")]
    [InlineData("int1")]
    [InlineData("topk6")]
    [InlineData("topk3")]
    [InlineData("topk")]
    public void What_is_lost_of_a_change_is_less_than_the_change(string precision) => Prop.ForAll(Changes, values =>
    {
        float[] decoded = Encoded.Of(Precision.Parse(precision), values).Decode();
        (double lost, double change) = (SquaredNorm(values.Zip(decoded, (value, got) => (double)value - got)), SquaredNorm(values.Select(value => (double)value)));

        // Where all is too small for the scale, zeros are sent and everything is lost: not more.
        return (decoded.All(value => value == 0) ? lost == change : lost < change).Label($"{lost:R} of {change:R}");
    }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("int4")]
    [InlineData("int2")]
    [InlineData("int1")]
    [InlineData("topk6")]
    [InlineData("topk3")]
    [InlineData("topk")]
    public void All_of_a_change_arrives_where_what_is_lost_is_sent_later(string precision)
    {
        float[] change = TestValues.HeavyTailed(20000, seed: 8);
        float[] residual = [.. change];
        for (int message = 0; message < 400; message++)
        {
            float[] sent = Encoded.Of(Precision.Parse(precision), residual).Decode();
            residual = [.. residual.Zip(sent, (value, got) => value - got)];
        }

        SquaredNorm(residual.Select(value => (double)value)).ShouldBeLessThan(1e-4 * SquaredNorm(change.Select(value => (double)value)));
    }

    private static float Scaled(float value, int exponent) => Math.Clamp(MathF.ScaleB(value, exponent), -float.MaxValue, float.MaxValue);

    private static double SquaredNorm(IEnumerable<double> values) => values.Sum(value => value * value);
}
