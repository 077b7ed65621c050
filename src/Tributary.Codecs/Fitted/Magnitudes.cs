namespace Tributary.Codecs.Fitted;

/// <summary>
/// Sums of magnitudes that are the same bits on every machine: element i is added to lane i modulo 16 in double precision, where no
/// sum of floats overflows or underflows, and the lanes are folded in halves.
/// </summary>
internal static class Magnitudes
{
    private const int Lanes = 16;

    /// <summary>The sum of the magnitudes, and the number of values, of those above a threshold; below zero, of all.</summary>
    public static (double Sum, int Count) Above(float threshold, ReadOnlySpan<float> values)
    {
        Span<double> lanes = stackalloc double[Lanes];
        lanes.Clear();
        int count = 0;
        for (int i = 0; i < values.Length; i++)
        {
            float magnitude = Math.Abs(values[i]);
            if (magnitude > threshold)
            {
                lanes[i % Lanes] += magnitude;
                count++;
            }
        }

        for (int half = Lanes / 2; half > 0; half /= 2)
        {
            for (int lane = 0; lane < half; lane++)
            {
                lanes[lane] += lanes[lane + half];
            }
        }

        return (lanes[0], count);
    }

    /// <summary>The mean of the magnitudes.</summary>
    public static double Mean(ReadOnlySpan<float> values) => Above(-1, values).Sum / values.Length;
}
