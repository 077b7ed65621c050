using Tributary.Privacy.Accounting;

namespace Tributary.Privacy.Tests.Noise;

/// <summary>What samples say of the distribution that they are of.</summary>
internal static class Statistics
{
    public static (double Mean, double Variance, double Skewness, double Kurtosis) Moments(IReadOnlyList<double> values)
    {
        double mean = values.Average();
        double Central(int power) => values.Average(value => Math.Pow(value - mean, power));
        double variance = Central(2);
        return (mean, variance, Central(3) / Math.Pow(variance, 1.5), Central(4) / (variance * variance));
    }

    public static double Autocorrelation(ReadOnlySpan<double> values, int lag)
    {
        double sum = 0;
        for (int i = lag; i < values.Length; i++)
        {
            sum += values[i] * values[i - lag];
        }

        return sum / (values.Length - lag);
    }

    /// <summary>Kolmogorov and Smirnov's distance from the standard normal distribution, times the root of the number: above 1.95 once in a thousand times.</summary>
    public static double KolmogorovSmirnov(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        double distance = 0;
        for (int i = 0; i < sorted.Length; i++)
        {
            double below = Normal(sorted[i]);
            distance = Math.Max(distance, Math.Max(below - ((double)i / sorted.Length), ((i + 1.0) / sorted.Length) - below));
        }

        return distance * Math.Sqrt(sorted.Length);
    }

    public static double Normal(double x) => Math.Exp(LogSpace.LogErfc(-x / Math.Sqrt(2))) / 2;
}
