using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tributary.Codecs.Fitted;

/// <summary>4 bits: the whole numbers from -7 to 7, ties to even; the code is the number as four bits of two's complement.</summary>
/// <remarks>Vectors round by adding 1.5 * 2^23; see <see cref="Quantizers.Linear"/>.</remarks>
internal readonly struct IntegerLevels : IFittedQuantizer
{
    private const int Largest = 7;
    private const float Rounder = 12582912;

    public static int CodeBits => 4;

    public static int BlockElements => 64;

    public static bool IsForChanges => false;

    /// <summary>145 * 2^118, the largest bfloat16 of which seven are at most the largest bfloat16.</summary>
    public static float ScaleMax => 145 * 3.32307e35f;

    public static double Scale(ReadOnlySpan<float> values)
    {
        float absmax = 0;
        foreach (float value in values)
        {
            absmax = Math.Max(absmax, Math.Abs(value));
        }

        return absmax / (double)Largest;
    }

    // A quotient and not a product with the reciprocal, which is infinite where the scale is tiny.
    public static byte Code(float value, float scale) =>
        scale == 0 ? (byte)0 : (byte)((int)MathF.Round(Math.Clamp(value / scale, -Largest, Largest), MidpointRounding.ToEven) & 0xF);

    public static float Level(byte code) => (code ^ 8) - 8;

    public static double ScaleByVectors(ref float values)
    {
        // As integers, NaN is the largest magnitude of all.
        Vector128<int> mask = Vector128.Create(0x7FFF_FFFF);
        Vector128<int> even = Vector128<int>.Zero;
        Vector128<int> odd = Vector128<int>.Zero;
        for (int i = 0; i < BlockElements; i += 8)
        {
            even = Vector128.Max(even, Vector128.LoadUnsafe(ref values, (nuint)i).AsInt32() & mask);
            odd = Vector128.Max(odd, Vector128.LoadUnsafe(ref values, (nuint)(i + 4)).AsInt32() & mask);
        }

        even = Vector128.Max(even, odd);
        even = Vector128.Max(even, Vector128.Shuffle(even, Vector128.Create(2, 3, 0, 1)));
        even = Vector128.Max(even, Vector128.Shuffle(even, Vector128.Create(1, 0, 3, 2)));
        return BitConverter.Int32BitsToSingle(even.ToScalar()) / (double)Largest;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Codes(Vector128<float> first, Vector128<float> second, Vector128<float> third, Vector128<float> fourth, Vector128<float> scale)
    {
        // Whatever is divided by infinity is zero.
        scale = Vector128.ConditionalSelect(Vector128.Equals(scale, Vector128<float>.Zero), Vector128.Create(float.PositiveInfinity), scale);
        Vector128<short> lower = Vector128.NarrowWithSaturation(Round(first / scale), Round(second / scale));
        Vector128<short> upper = Vector128.NarrowWithSaturation(Round(third / scale), Round(fourth / scale));
        return Vector128.NarrowWithSaturation(lower, upper).AsByte() & Vector128.Create((byte)0xF);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<sbyte> Levels(Vector128<byte> codes) => (codes ^ Vector128.Create((byte)8)).AsSByte() - Vector128.Create((sbyte)8);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Round(Vector128<float> quotient)
    {
        Vector128<float> clamped = Vector128.MinNative(Vector128.MaxNative(quotient, Vector128.Create((float)-Largest)), Vector128.Create((float)Largest));
        return (clamped + Vector128.Create(Rounder)).AsInt32() - Vector128.Create(Rounder).AsInt32();
    }
}
