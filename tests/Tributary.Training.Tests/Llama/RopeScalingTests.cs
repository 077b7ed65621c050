namespace Tributary.Training.Tests.Llama;

public sealed class RopeScalingTests
{
    /// <summary>Otherwise a Llama 3.2 whose positions are turned wrongly would lose its training without any error.</summary>
    [Theory]
    [InlineData(0, 1.0)]
    [InlineData(14, 0.0032114461064338684)]
    [InlineData(15, 0.0012905480107292533)]
    [InlineData(16, 0.000429556705057621)]
    [InlineData(17, 9.708286233944818e-05)]
    [InlineData(18, 1.9461638657958247e-05)]
    [InlineData(31, 9.418306490260875e-08)]
    public void The_frequencies_of_Llama_3_2_are_those_of_transformers_formula_in_PyTorch(int pair, double expected)
    {
        var scaling = new RopeScaling(Factor: 32, LowFrequencyFactor: 1, HighFrequencyFactor: 4, OriginalPositions: 8192);
        float frequency = (float)(1 / Math.Pow(500000, pair / 32f));
        (scaling.Stretch(frequency) / expected).ShouldBe(1, 2e-6);
    }
}
