using System.Numerics;
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

    /// <summary>The same of a full block, whose length is a multiple of 16; not finite where a value is not.</summary>
    public static (double Sum, int Count) AboveByVectors(float threshold, ref float values, int count) =>
        Vector512.IsHardwareAccelerated ? AboveBy512(threshold, ref values, count)
        : Vector256.IsHardwareAccelerated ? AboveBy256(threshold, ref values, count)
        : AboveBy128(threshold, ref values, count);

    private static (double Sum, int Count) AboveBy512(float threshold, ref float values, int count)
    {
        Vector512<double> lanes0 = Vector512<double>.Zero;
        Vector512<double> lanes8 = lanes0;
        int above = 0;
        for (int i = 0; i < count; i += Lanes)
        {
            Vector512<float> magnitudes = Vector512.Abs(Vector512.LoadUnsafe(ref values, (nuint)i));

            // NaN is above nothing, but must show in the sum. Adding a zero changes no sum.
            Vector512<float> rest = Vector512.LessThanOrEqual(magnitudes, Vector512.Create(threshold));
            above += Lanes - BitOperations.PopCount(rest.ExtractMostSignificantBits());
            (Vector512<double> lower, Vector512<double> upper) = Vector512.Widen(Vector512.AndNot(magnitudes, rest));
            lanes0 += lower;
            lanes8 += upper;
        }

        lanes0 += lanes8;
        return (Fold(lanes0.GetLower() + lanes0.GetUpper()), above);
    }

    private static (double Sum, int Count) AboveBy256(float threshold, ref float values, int count)
    {
        Vector256<double> lanes0 = Vector256<double>.Zero;
        Vector256<double> lanes4 = lanes0, lanes8 = lanes0, lanes12 = lanes0;
        Vector256<int> rest = Vector256<int>.Zero;
        for (int i = 0; i < count; i += Lanes)
        {
            Add(ref values, i, threshold, ref rest, ref lanes0, ref lanes4);
            Add(ref values, i + 8, threshold, ref rest, ref lanes8, ref lanes12);
        }

        return (Fold((lanes0 + lanes8) + (lanes4 + lanes12)), count + Vector256.Sum(rest));
    }

    private static (double Sum, int Count) AboveBy128(float threshold, ref float values, int count)
    {
        Vector128<double> lanes0 = Vector128<double>.Zero;
        Vector128<double> lanes2 = lanes0, lanes4 = lanes0, lanes6 = lanes0, lanes8 = lanes0, lanes10 = lanes0, lanes12 = lanes0, lanes14 = lanes0;
        Vector128<int> rest = Vector128<int>.Zero;
        for (int i = 0; i < count; i += Lanes)
        {
            Add(ref values, i, threshold, ref rest, ref lanes0, ref lanes2);
            Add(ref values, i + 4, threshold, ref rest, ref lanes4, ref lanes6);
            Add(ref values, i + 8, threshold, ref rest, ref lanes8, ref lanes10);
            Add(ref values, i + 12, threshold, ref rest, ref lanes12, ref lanes14);
        }

        lanes0 = (lanes0 + lanes8) + (lanes4 + lanes12);
        lanes2 = (lanes2 + lanes10) + (lanes6 + lanes14);
        return (Fold(lanes0 + lanes2), count + Vector128.Sum(rest));
    }

    /// <summary>Adds eight values; <paramref name="rest"/> counts down those that are not above the threshold, since a comparison's true is -1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(ref float values, int i, float threshold, ref Vector256<int> rest, ref Vector256<double> lower, ref Vector256<double> upper)
    {
        Vector256<float> magnitudes = Vector256.Abs(Vector256.LoadUnsafe(ref values, (nuint)i));
        Vector256<float> isRest = Vector256.LessThanOrEqual(magnitudes, Vector256.Create(threshold));
        rest += isRest.AsInt32();
        (Vector256<double> low, Vector256<double> high) = Vector256.Widen(Vector256.AndNot(magnitudes, isRest));
        lower += low;
        upper += high;
    }

    /// <summary>Adds four values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(ref float values, int i, float threshold, ref Vector128<int> rest, ref Vector128<double> lower, ref Vector128<double> upper)
    {
        Vector128<float> magnitudes = Vector128.Abs(Vector128.LoadUnsafe(ref values, (nuint)i));
        Vector128<float> isRest = Vector128.LessThanOrEqual(magnitudes, Vector128.Create(threshold));
        rest += isRest.AsInt32();
        (Vector128<double> low, Vector128<double> high) = Vector128.Widen(Vector128.AndNot(magnitudes, isRest));
        lower += low;
        upper += high;
    }

    private static double Fold(Vector256<double> lanes) => Fold(lanes.GetLower() + lanes.GetUpper());

    private static double Fold(Vector128<double> lanes) => lanes[0] + lanes[1];
}
