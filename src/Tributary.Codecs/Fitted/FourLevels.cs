using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tributary.Codecs.Fitted;

/// <summary>2 bits: the levels -3, -1, 1 and 3, by ascending code.</summary>
/// <remarks>
/// The scale is the best one in the sense of least squares for the levels that a scale fit for Gaussian values would choose; then every
/// value takes its nearest level. 0.6240 times the mean magnitude is 0.498 standard deviations, half the step of the best evenly spaced
/// quantizer of four levels (J. Max, Quantizing for minimum distortion, 1960).
/// </remarks>
internal readonly struct FourLevels : IFittedQuantizer
{
    private const double GaussianScale = 0.6240;

    public static int CodeBits => 2;

    public static int BlockElements => 64;

    public static bool IsForChanges => true;

    /// <summary>85 * 2^120, of which three are the largest bfloat16.</summary>
    public static float ScaleMax => 85 * 1.329228e36f;

    public static double Scale(ReadOnlySpan<float> values)
    {
        (double sum, _) = Magnitudes.Above(-1, values);
        (double outer, int outerCount) = Magnitudes.Above(Threshold(sum, values.Length), values);
        return LeastSquares(sum, values.Length, outer, outerCount);
    }

    public static byte Code(float value, float scale)
    {
        bool isOuter = Math.Abs(value) > 2 * scale;
        return (byte)(value < 0 ? (isOuter ? 0 : 1) : (isOuter ? 3 : 2));
    }

    public static float Level(byte code) => (2 * code) - 3;

    public static double ScaleByVectors(ref float values)
    {
        (double sum, _) = Magnitudes.AboveByVectors(-1, ref values, BlockElements);
        (double outer, int outerCount) = Magnitudes.AboveByVectors(Threshold(sum, BlockElements), ref values, BlockElements);
        return LeastSquares(sum, BlockElements, outer, outerCount);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Codes(Vector128<float> first, Vector128<float> second, Vector128<float> third, Vector128<float> fourth, Vector128<float> scale)
    {
        Vector128<float> edge = scale + scale;
        Vector128<short> lower = Vector128.NarrowWithSaturation(Code(first, edge), Code(second, edge));
        Vector128<short> upper = Vector128.NarrowWithSaturation(Code(third, edge), Code(fourth, edge));
        return Vector128.NarrowWithSaturation(lower, upper).AsByte();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<sbyte> Levels(Vector128<byte> codes) => (codes + codes).AsSByte() - Vector128.Create((sbyte)3);

    /// <summary>A comparison's true is -1: what a value is below takes one off the highest code.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Code(Vector128<float> value, Vector128<float> edge) => Vector128.Create(3) + Vector128.LessThanOrEqual(value, edge).AsInt32()
        + Vector128.LessThan(value, Vector128<float>.Zero).AsInt32() + Vector128.LessThan(value, -edge).AsInt32();

    /// <summary>The magnitude above which a value goes to the outer level at first.</summary>
    private static float Threshold(double sum, int count) => (float)(2 * GaussianScale * sum / count);

    /// <summary>The sum of level times magnitude over the sum of levels squared, where the outer level is 3 and the inner one 1.</summary>
    private static double LeastSquares(double sum, int count, double outer, int outerCount) => (sum + (2 * outer)) / (count + (8 * outerCount));
}
