using Tributary.Training;

namespace Tributary.Simulation.Sites;

/// <summary>Draws shares that sum to 1 from a symmetric Dirichlet distribution: gamma variates over their sum.</summary>
internal static class DirichletDraw
{
    /// <param name="alpha">The concentration, above 0.</param>
    /// <param name="count">The number of shares.</param>
    /// <param name="random">What is drawn from.</param>
    public static double[] Of(double alpha, int count, SplitMix64 random)
    {
        // Logarithms, since a gamma variate of a small concentration is often smaller than any double.
        double[] logs = [.. Enumerable.Range(0, count).Select(_ => LogGamma(alpha, random))];
        double largest = logs.Max();
        double sum = logs.Sum(log => Math.Exp(log - largest));
        return [.. logs.Select(log => Math.Exp(log - largest) / sum)];
    }

    /// <summary>
    /// The logarithm of a gamma variate: Marsaglia and Tsang, "A simple method for generating gamma variables" (2000), whose section 6 brings
    /// a shape below 1 to one above it.
    /// </summary>
    private static double LogGamma(double shape, SplitMix64 random)
    {
        if (shape < 1)
        {
            return LogGamma(shape + 1, random) + (Math.Log(1 - random.NextDouble()) / shape);
        }

        double d = shape - (1.0 / 3), c = 1 / Math.Sqrt(9 * d);
        while (true)
        {
            double x = random.NextNormal();
            double v = Math.Pow(1 + (c * x), 3);
            if (v > 0 && Math.Log(1 - random.NextDouble()) < (0.5 * x * x) + (d * (1 - v + Math.Log(v))))
            {
                return Math.Log(d) + Math.Log(v);
            }
        }
    }
}
