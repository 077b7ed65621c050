using Tributary.Training.Memory;

namespace Tributary.Training.Tests.Operations;

/// <summary>Random inputs, and derivatives by finite differences of readable operations in double precision.</summary>
internal static class Numbers
{
    /// <summary>Normal numbers in a buffer.</summary>
    public static FloatBuffer Random(int length, ulong seed)
    {
        var random = new SplitMix64(seed);
        var buffer = new FloatBuffer(length);
        foreach (ref float value in buffer.Span(0, length))
        {
            value = random.NextNormal();
        }

        return buffer;
    }

    public static double[] Doubles(this FloatBuffer buffer) => [.. buffer.Span(0, (int)buffer.Length).ToArray().Select(value => (double)value)];

    /// <summary>Every value within a tolerance of the expected one, relative to the largest.</summary>
    public static void ShouldBeNear(this FloatBuffer actual, double[] expected, double tolerance, string what)
    {
        double scale = Math.Max(1e-3, expected.Max(Math.Abs));
        actual.Length.ShouldBe(expected.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            ((double)actual.Span(i, 1)[0]).ShouldBe(expected[i], tolerance * scale, $"{what}[{i}]");
        }
    }

    /// <summary>
    /// The derivative by each input of the sum of outputs times weights, by central differences in double precision.
    /// </summary>
    public static double[] Derivative(Func<double[], double[]> operation, double[] input, double[] weights)
    {
        const double Step = 1e-5;
        var derivative = new double[input.Length];
        for (int i = 0; i < input.Length; i++)
        {
            double at = input[i];
            input[i] = at + Step;
            double above = Sum(operation(input), weights);
            input[i] = at - Step;
            double below = Sum(operation(input), weights);
            input[i] = at;
            derivative[i] = (above - below) / (2 * Step);
        }

        return derivative;
    }

    private static double Sum(double[] outputs, double[] weights) => outputs.Zip(weights, (output, weight) => output * weight).Sum();
}
