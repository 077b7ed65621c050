using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

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

    /// <summary>The same of a full block, whose length is a multiple of 16.</summary>
    public static (double Sum, int Count) AboveByVectors(float threshold, ref float values, int count)
    {
        Vector128<float> thresholds = Vector128.Create(threshold);
        Vector128<int> above = Vector128<int>.Zero;
        Vector128<double> lanes0 = Vector128<double>.Zero, lanes2 = lanes0, lanes4 = lanes0, lanes6 = lanes0;
        Vector128<double> lanes8 = lanes0, lanes10 = lanes0, lanes12 = lanes0, lanes14 = lanes0;
        for (int i = 0; i < count; i += Lanes)
        {
            Add(ref values, i, thresholds, ref above, ref lanes0, ref lanes2);
            Add(ref values, i + 4, thresholds, ref above, ref lanes4, ref lanes6);
            Add(ref values, i + 8, thresholds, ref above, ref lanes8, ref lanes10);
            Add(ref values, i + 12, thresholds, ref above, ref lanes12, ref lanes14);
        }

        lanes0 = (lanes0 + lanes8) + (lanes4 + lanes12);
        lanes2 = (lanes2 + lanes10) + (lanes6 + lanes14);
        lanes0 += lanes2;
        return (lanes0[0] + lanes0[1], -Vector128.Sum(above));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(
        ref float values, int i, Vector128<float> thresholds, ref Vector128<int> above, ref Vector128<double> lower, ref Vector128<double> upper)
    {
        // NaN is above nothing, but must show in the sum. Adding a zero changes no sum.
        Vector128<float> magnitudes = Vector128.Abs(Vector128.LoadUnsafe(ref values, (nuint)i));
        Vector128<float> rest = Vector128.LessThanOrEqual(magnitudes, thresholds);
        above += Vector128.AndNot(Vector128<int>.AllBitsSet, rest.AsInt32());
        (Vector128<double> low, Vector128<double> high) = Vector128.Widen(Vector128.AndNot(magnitudes, rest));
        lower += low;
        upper += high;
    }
}
