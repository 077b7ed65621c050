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

    public static double Scale(ReadOnlySpan<float> values) => Magnitudes.Mean(values);

    public static byte Code(float value, float scale) => value < 0 ? (byte)1 : (byte)0;

    public static float Level(byte code) => 1 - (2 * code);
}
