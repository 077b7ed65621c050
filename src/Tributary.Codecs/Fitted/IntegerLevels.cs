namespace Tributary.Codecs.Fitted;

/// <summary>4 bits: the whole numbers from -7 to 7, ties to even; the code is the number as four bits of two's complement.</summary>
internal readonly struct IntegerLevels : IFittedQuantizer
{
    private const int Largest = 7;

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
}
