namespace Tributary.Codecs.Tests;

public sealed class AccuracyTests
{
    [Theory]
    [InlineData("fp16", 73.7)]
    [InlineData("bf16", 55.6)]
    [InlineData("int8b", 43.8)]
    [InlineData("int8", 37.7)]
    [InlineData("fp4", 18.3)]
    [InlineData("nf4", 20.7)]
    [InlineData("nf4n", 20.7)]
    [InlineData("int4", 19.4)]
    [InlineData("int2", 9.4)]
    [InlineData("int1", 4.4)]
    [InlineData("topk6", 1.7)]
    [InlineData("topk3", 1.0)]
    [InlineData("topk", 0.5)]
    public void Gaussian_values_keep_the_signal_to_noise_ratio_that_the_documentation_states(string precision, double decibels)
    {
        float[] values = TestValues.Gaussian(1 << 20, seed: 11, scale: 0.02);
        float[] decoded = Encoded.Of(Precision.Parse(precision), values).Decode();
        double noise = values.Zip(decoded, (value, got) => ((double)got - value) * ((double)got - value)).Sum();
        double signal = values.Sum(value => (double)value * value);
        (10 * Math.Log10(signal / noise)).ShouldBe(decibels, 0.1);
    }
}
