using Tributary.Tensors;

namespace Tributary.Codecs.Sparse;

/// <summary>The two bfloat16 magnitudes that stand for all that a run keeps.</summary>
/// <param name="Lower">That of the smaller values, as a bfloat16.</param>
/// <param name="Upper">That of the larger values, as a bfloat16.</param>
internal readonly record struct TwoMagnitudes(ushort Lower, ushort Upper)
{
    /// <summary>Lloyd's algorithm from the mean on has come near enough after so many passes.</summary>
    private const int Passes = 3;

    private const float BFloat16Max = 255 * 1.329228e36f;

    /// <summary>A magnitude above it goes to the upper one, which is nearer.</summary>
    public float Threshold => (float)(((double)ToFloat(Lower) + ToFloat(Upper)) / 2);

    /// <summary>Splits magnitudes so that the mean of each side stands for it; sums are taken in order, in double precision.</summary>
    /// <param name="magnitudes">Those that are kept; none is zero.</param>
    public static TwoMagnitudes Of(ReadOnlySpan<float> magnitudes)
    {
        (double above, _, int count) = Split(magnitudes, 0);
        double lower = above / Math.Max(count, 1);
        double upper = lower;
        for (int pass = 0; pass < Passes; pass++)
        {
            (above, double below, count) = Split(magnitudes, (float)((lower + upper) / 2));

            // All are equal, or there are none.
            if (count == 0 || count == magnitudes.Length)
            {
                break;
            }

            upper = above / count;
            lower = below / (magnitudes.Length - count);
        }

        return new TwoMagnitudes(ToBFloat16(lower), ToBFloat16(upper));
    }

    /// <summary>A magnitude as a float.</summary>
    public static float ToFloat(ushort magnitude) => BitConverter.UInt32BitsToSingle((uint)magnitude << 16);

    private static ushort ToBFloat16(double magnitude) => DenseFloats.ToBFloat16((float)Math.Min(magnitude, BFloat16Max));

    /// <summary>The sums of the magnitudes above a threshold and of the others, and how many are above.</summary>
    private static (double Above, double Below, int Count) Split(ReadOnlySpan<float> magnitudes, float threshold)
    {
        (double above, double below, int count) = (0, 0, 0);
        foreach (float magnitude in magnitudes)
        {
            // Nobody can predict which side it is on, so there is no branch. Magnitudes are in the order of their bits.
            int bits = BitConverter.SingleToInt32Bits(magnitude);
            int isAbove = (BitConverter.SingleToInt32Bits(threshold) - bits) >> 31;
            above += BitConverter.Int32BitsToSingle(bits & isAbove);
            below += BitConverter.Int32BitsToSingle(bits & ~isAbove);
            count -= isAbove;
        }

        return (above, below, count);
    }
}
