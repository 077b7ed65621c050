using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tributary.Training.Operations;

/// <summary>Sums, products and exponentials over runs of floats, eight at a time; a rest is done one by one.</summary>
internal static unsafe class VectorMath
{
    /// <summary>The lanes of a vector.</summary>
    public const int Lanes = 8;

    /// <summary>1 / ln 2: what exponents of e are multiplied by to become exponents of 2.</summary>
    public const float Log2E = 1.44269504f;

    /// <summary>What the constant above lacks.</summary>
    private const float Log2ERest = 1.925963e-8f;

    /// <summary>1.5 * 2^23, where floats are whole numbers, and the bias of a float's exponent.</summary>
    private const float WholeNumbers = 12582912f + 127;

    /// <summary>
    /// e^x for x up to 88, with a relative error below 4e-7; 0 below -87, where it would leave the normal floats; NaN stays NaN.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Exp(Vector256<float> x)
    {
        Vector256<float> rounded = Vector256.FusedMultiplyAdd(x, Vector256.Create(Log2E), Vector256.Create(WholeNumbers));
        Vector256<float> n = rounded - Vector256.Create(WholeNumbers);
        Vector256<float> rest = Vector256.FusedMultiplyAdd(x, Vector256.Create(Log2E), -n);
        rest = Vector256.FusedMultiplyAdd(x, Vector256.Create(Log2ERest), rest);
        return Vector256.AndNot(PowerOfTwo(rounded, rest), Vector256.LessThan(x, Vector256.Create(-87f)));
    }

    /// <summary>2^x for x up to 127; otherwise like <see cref="Exp"/>, 0 below -125.5.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Exp2(Vector256<float> x)
    {
        Vector256<float> rounded = x + Vector256.Create(WholeNumbers);
        Vector256<float> rest = x - (rounded - Vector256.Create(WholeNumbers));
        return Vector256.AndNot(PowerOfTwo(rounded, rest), Vector256.LessThan(x, Vector256.Create(-125.5f)));
    }

    /// <summary>The sum of products.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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

    /// <summary>2^(n + rest), rest between -1/2 and 1/2.</summary>
    /// <param name="rounded">
    /// n after <see cref="WholeNumbers"/> was added: n, with a float's exponent bias, is in the lowest bits and is shifted into place.
    /// </param>
    /// <param name="rest">The fraction: 2^rest by a polynomial, fitted for the least relative error (9e-8) with p(0) = 1.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> PowerOfTwo(Vector256<float> rounded, Vector256<float> rest)
    {
        Vector256<float> square = rest * rest;
        Vector256<float> p0 = Vector256.FusedMultiplyAdd(rest, Vector256.Create(1.3264727e-3f), Vector256.Create(9.671513e-3f));
        Vector256<float> p1 = Vector256.FusedMultiplyAdd(rest, Vector256.Create(5.5507336e-2f), Vector256.Create(2.4022242e-1f));
        Vector256<float> p2 = Vector256.FusedMultiplyAdd(rest, Vector256.Create(6.9314700e-1f), Vector256<float>.One);
        Vector256<float> p = Vector256.FusedMultiplyAdd(Vector256.FusedMultiplyAdd(p0, square, p1), square, p2);
        return p * Vector256.ShiftLeft(rounded.AsInt32(), 23).AsSingle();
    }
}
