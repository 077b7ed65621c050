using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Tributary.Privacy.Noise;

/// <summary>
/// Pairs of uniforms to pairs of normals: sqrt(-2 log u) times cosine and sine of an angle (Box and Muller 1958).
/// </summary>
/// <remarks>
/// The logarithm and the sines are written out in additions, multiplications and divisions, each of which IEEE 754 says to the last bit and none of which is fused. A library's are not
/// the same before and after its code is optimized, nor with vectors of another width; noise that is made again would differ in a last bit. Within a few units of the last place.
/// </remarks>
internal static class BoxMuller
{
    private const double SqrtTwo = 1.4142135623730951;
    private const double LogOfTwo = 0.69314718055994531;
    private const long ExponentBias = 1023;
    private const int FractionBits = 52;
    private const long FractionMask = (1L << FractionBits) - 1;

    // 1 / (2 n + 1): the series of the inverse hyperbolic tangent; its argument is at most 0.172.
    private static readonly double[] Logarithm = [.. Enumerable.Range(0, 12).Select(n => 1.0 / ((2 * n) + 1))];

    // The Taylor series of both, for angles up to an eighth of a turn.
    private static readonly double[] Sine = [.. Enumerable.Range(0, 10).Select(n => Sign(n) / Factorial((2 * n) + 1))];
    private static readonly double[] Cosine = [.. Enumerable.Range(0, 10).Select(n => Sign(n) / Factorial(2 * n))];

    /// <summary>Makes normals of uniforms.</summary>
    /// <param name="uniforms">Above 0 and up to 1; as many as a multiple of a vector's lanes.</param>
    /// <param name="quarters">Angles in quarters of a turn, from 0 to 4; as many.</param>
    /// <param name="first">Receives the normals of the cosines.</param>
    /// <param name="second">Receives the normals of the sines.</param>
    public static void Transform(ReadOnlySpan<double> uniforms, ReadOnlySpan<double> quarters, Span<double> first, Span<double> second)
    {
        ReadOnlySpan<Vector<double>> us = MemoryMarshal.Cast<double, Vector<double>>(uniforms);
        ReadOnlySpan<Vector<double>> turns = MemoryMarshal.Cast<double, Vector<double>>(quarters);
        Span<Vector<double>> cosines = MemoryMarshal.Cast<double, Vector<double>>(first);
        Span<Vector<double>> sines = MemoryMarshal.Cast<double, Vector<double>>(second);
        for (int i = 0; i < us.Length; i++)
        {
            Vector<double> radius = Vector.SquareRoot(Log(us[i]) * -2.0);
            (Vector<double> cosine, Vector<double> sine) = CosineAndSine(turns[i]);
            cosines[i] = radius * cosine;
            sines[i] = radius * sine;
        }
    }

    /// <summary>log(m 2^e) = e log(2) + 2 artanh((m - 1) / (m + 1)), with m around 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<double> Log(Vector<double> x)
    {
        Vector<long> bits = Vector.AsVectorInt64(x);
        Vector<double> mantissa = Vector.AsVectorDouble((bits & new Vector<long>(FractionMask)) | new Vector<long>(ExponentBias << FractionBits));
        Vector<long> isLarge = Vector.GreaterThan(mantissa, new Vector<double>(SqrtTwo));
        mantissa = Vector.ConditionalSelect(isLarge, mantissa * 0.5, mantissa);
        // Small integers as doubles, by the bits: exact with any vectors. A true comparison is -1.
        Vector<long> exponent = (bits >>> FractionBits) - isLarge;
        var magic = new Vector<long>(BitConverter.DoubleToInt64Bits(1L << FractionBits));
        Vector<double> whole = Vector.AsVectorDouble(exponent | magic) - new Vector<double>((1L << FractionBits) + ExponentBias);
        Vector<double> ratio = (mantissa - Vector<double>.One) / (mantissa + Vector<double>.One);
        return (whole * LogOfTwo) + (ratio * 2.0 * Series(Logarithm, ratio * ratio));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector<double> Cosine, Vector<double> Sine) CosineAndSine(Vector<double> quarters)
    {
        Vector<double> nearest = Vector.Floor(quarters + new Vector<double>(0.5));
        Vector<double> angle = (quarters - nearest) * (Math.PI / 2);
        Vector<double> square = angle * angle;
        Vector<double> sine = angle * Series(Sine, square);
        Vector<double> cosine = Series(Cosine, square);
        Vector<long> isOne = Vector.Equals(nearest, Vector<double>.One);
        Vector<long> isTwo = Vector.Equals(nearest, new Vector<double>(2));
        Vector<long> isThree = Vector.Equals(nearest, new Vector<double>(3));
        Vector<long> swaps = isOne | isThree;
        Vector<double> x = Vector.ConditionalSelect(swaps, sine, cosine);
        Vector<double> y = Vector.ConditionalSelect(swaps, cosine, sine);
        return (Vector.ConditionalSelect(isOne | isTwo, -x, x), Vector.ConditionalSelect(isTwo | isThree, -y, y));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<double> Series(double[] coefficients, Vector<double> x)
    {
        var sum = new Vector<double>(coefficients[^1]);
        for (int n = coefficients.Length - 2; n >= 0; n--)
        {
            sum = (sum * x) + new Vector<double>(coefficients[n]);
        }

        return sum;
    }

    private static double Sign(int n) => n % 2 == 0 ? 1 : -1;

    private static double Factorial(int n) => n < 2 ? 1 : n * Factorial(n - 1);
}
