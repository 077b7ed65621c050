using Tributary.Federation.Aggregation;

namespace Tributary.Federation.Tests.Aggregation;

/// <summary>What the vectorised kernels of reducers compute, one element after the other, to be read.</summary>
internal static class KernelReferences
{
    /// <summary>Element i is added to lane i modulo their number; then the lanes in their order.</summary>
    public static double SquaredDistance(float[] one, float[] other)
    {
        double[] lanes = new double[PairwiseDistances.Lanes];
        for (int i = 0; i < one.Length; i++)
        {
            double difference = one[i] - other[i];
            lanes[i % lanes.Length] += difference * difference;
        }

        return lanes.Aggregate(0.0, (sum, lane) => sum + lane);
    }

    public static float[] Median(float[][] values) => Each(values, sorted => sorted.Length % 2 == 1
        ? sorted[sorted.Length / 2]
        : (sorted[(sorted.Length / 2) - 1] * 0.5f) + (sorted[sorted.Length / 2] * 0.5f));

    public static float[] TrimmedMean(float[][] values, double trim) => Each(values, sorted =>
    {
        int cut = Federation.Aggregation.TrimmedMean.CutOf(sorted.Length, trim);
        float sum = sorted[cut];
        for (int i = cut + 1; i < sorted.Length - cut; i++)
        {
            sum += sorted[i];
        }

        return sum / (sorted.Length - (2 * cut));
    });

    private static float[] Each(float[][] values, Func<float[], float> reduce) =>
        [.. Enumerable.Range(0, values[0].Length).Select(i => reduce([.. values.Select(row => row[i] + 0f).Order()]))];
}
