using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tributary.Codecs.Fitted;

/// <summary>1 bit: the sign, 1 where a value is below zero. The scale is the mean magnitude, which is the best one in the sense of least squares.</summary>
/// <remarks>Source: signSGD with a scale per block and error feedback (Karimireddy et al., arXiv 1901.09847).</remarks>
internal readonly struct Signs : IFittedQuantizer
{
    public static int CodeBits => 1;

    public static int BlockElements => 128;

    public static bool IsForChanges => true;

    /// <summary>The largest bfloat16.</summary>
    public static float ScaleMax => 255 * 1.329228e36f;

    public static double Scale(ReadOnlySpan<float> values) => Magnitudes.Above(-1, values).Sum / values.Length;

    public static byte Code(float value, float scale) => value < 0 ? (byte)1 : (byte)0;

    public static float Level(byte code) => 1 - (2 * code);

    public static double ScaleByVectors(ref float values) => Magnitudes.AboveByVectors(-1, ref values, BlockElements).Sum / BlockElements;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Codes(Vector128<float> first, Vector128<float> second, Vector128<float> third, Vector128<float> fourth, Vector128<float> scale)
    {
        Vector128<float> zero = Vector128<float>.Zero;
        Vector128<short> lower = Vector128.NarrowWithSaturation(Vector128.LessThan(first, zero).AsInt32(), Vector128.LessThan(second, zero).AsInt32());
        Vector128<short> upper = Vector128.NarrowWithSaturation(Vector128.LessThan(third, zero).AsInt32(), Vector128.LessThan(fourth, zero).AsInt32());
        return Vector128.NarrowWithSaturation(lower, upper).AsByte() & Vector128<byte>.One;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<sbyte> Levels(Vector128<byte> codes) => Vector128<sbyte>.One - (codes + codes).AsSByte();
}
