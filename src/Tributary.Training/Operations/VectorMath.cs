using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tributary.Training.Operations;

/// <summary>Sums, products and exponentials over runs of floats, eight at a time; a rest is done one by one.</summary>
internal static unsafe class VectorMath
{
    /// <summary>The lanes of a vector.</summary>
    public const int Lanes = 8;

    private const float LowestExponent = -87.3f;
    private const float HighestExponent = 88.3f;

    /// <summary>
    /// e^x, within two units in the last place; 0 below -87.3, where it would leave the normal floats; NaN stays NaN.
    /// </summary>
    /// <remarks>
    /// x = n ln 2 + r with |r| at most ln 2 / 2; e^r by a polynomial (coefficients of the Cephes library's expf, S. Moshier), times
    /// 2^n by way of the exponent's bits.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Exp(Vector256<float> x)
    {
        Vector256<float> inside = Vector256.GreaterThanOrEqual(x, Vector256.Create(LowestExponent)) | ~Vector256.Equals(x, x);
        x = Vector256.MinNative(Vector256.Create(HighestExponent), x);
        Vector256<float> n = Vector256.Round(x * Vector256.Create(1.44269504088896341f));
        Vector256<float> r = Vector256.FusedMultiplyAdd(n, Vector256.Create(-0.693359375f), x);
        r = Vector256.FusedMultiplyAdd(n, Vector256.Create(2.12194440e-4f), r);
        Vector256<float> p = Vector256.FusedMultiplyAdd(Vector256.Create(1.9875691500e-4f), r, Vector256.Create(1.3981999507e-3f));
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(8.3334519073e-3f));
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(4.1665795894e-2f));
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(1.6666665459e-1f));
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(5.0000001201e-1f));
        p = Vector256.FusedMultiplyAdd(p, r * r, r + Vector256<float>.One);
        Vector256<int> scale = Vector256.ShiftLeft(Vector256.ConvertToInt32Native(n) + Vector256.Create(127), 23);
        return (p * scale.AsSingle()) & inside;
    }

    /// <summary>The sum of products.</summary>
    public static float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(a.Length, b.Length);
        Vector256<float> sum = default;
        int i = 0;
        fixed (float* pa = a, pb = b)
        {
            for (; i <= a.Length - Lanes; i += Lanes)
            {
                sum = Vector256.FusedMultiplyAdd(Vector256.Load(pa + i), Vector256.Load(pb + i), sum);
            }
        }

        float total = Vector256.Sum(sum);
        for (; i < a.Length; i++)
        {
            total += a[i] * b[i];
        }

        return total;
    }

    /// <summary>target += source.</summary>
    public static void Add(ReadOnlySpan<float> source, Span<float> target)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(source.Length, target.Length);
        int i = 0;
        fixed (float* from = source, to = target)
        {
            for (; i <= source.Length - Lanes; i += Lanes)
            {
                (Vector256.Load(to + i) + Vector256.Load(from + i)).Store(to + i);
            }
        }

        for (; i < source.Length; i++)
        {
            target[i] += source[i];
        }
    }

    /// <summary>The largest value; NaN if there is one.</summary>
    public static float Max(ReadOnlySpan<float> values)
    {
        int i = 0;
        Vector256<float> max = Vector256.Create(float.NegativeInfinity);
        fixed (float* p = values)
        {
            for (; i <= values.Length - Lanes; i += Lanes)
            {
                max = Vector256.Max(max, Vector256.Load(p + i));
            }
        }

        float result = float.NegativeInfinity;
        for (int lane = 0; lane < Lanes; lane++)
        {
            result = MathF.Max(result, max[lane]);
        }

        for (; i < values.Length; i++)
        {
            result = MathF.Max(result, values[i]);
        }

        return result;
    }

    /// <summary>Replaces each value by e^(value - shift) and returns their sum.</summary>
    public static float ExpInPlace(Span<float> values, float shift)
    {
        int i = 0;
        Vector256<float> sum = default;
        var shifts = Vector256.Create(shift);
        fixed (float* p = values)
        {
            for (; i <= values.Length - Lanes; i += Lanes)
            {
                Vector256<float> e = Exp(Vector256.Load(p + i) - shifts);
                e.Store(p + i);
                sum += e;
            }
        }

        float total = Vector256.Sum(sum);
        for (; i < values.Length; i++)
        {
            values[i] = Exp(Vector256.Create(values[i] - shift))[0];
            total += values[i];
        }

        return total;
    }

    /// <summary>Multiplies each value by a factor.</summary>
    public static void Scale(Span<float> values, float factor)
    {
        int i = 0;
        var factors = Vector256.Create(factor);
        fixed (float* p = values)
        {
            for (; i <= values.Length - Lanes; i += Lanes)
            {
                (Vector256.Load(p + i) * factors).Store(p + i);
            }
        }

        for (; i < values.Length; i++)
        {
            values[i] *= factor;
        }
    }
}
