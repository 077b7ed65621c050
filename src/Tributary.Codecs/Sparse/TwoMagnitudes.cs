using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Tributary.Codecs.Fitted;
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

    /// <summary>Splits magnitudes so that the mean of each side stands for it.</summary>
    /// <param name="magnitudes">Those that are kept, filled up with zeros to a multiple of 16.</param>
    /// <param name="count">How many are kept.</param>
    public static TwoMagnitudes Of(ReadOnlySpan<float> magnitudes, int count)
    {
        if (count == 0)
        {
            return default;
        }

        double total = Above(0, magnitudes).Sum;
        double lower = total / count;
        double upper = lower;
        for (int pass = 0; pass < Passes; pass++)
        {
            (double above, int aboveCount) = Above((float)((lower + upper) / 2), magnitudes);

            // All are equal.
            if (aboveCount == 0 || aboveCount == count)
            {
                break;
            }

            upper = above / aboveCount;
            lower = Math.Max(total - above, 0) / (count - aboveCount);
        }

        return new TwoMagnitudes(ToBFloat16(lower), ToBFloat16(upper));
    }

    /// <summary>A magnitude as a float.</summary>
    public static float ToFloat(ushort magnitude) => BitConverter.UInt32BitsToSingle((uint)magnitude << 16);

    private static ushort ToBFloat16(double magnitude) => DenseFloats.ToBFloat16((float)Math.Min(magnitude, BFloat16Max));

    private static (double Sum, int Count) Above(float threshold, ReadOnlySpan<float> magnitudes) => Vector128.IsHardwareAccelerated
        ? Magnitudes.AboveByVectors(threshold, ref MemoryMarshal.GetReference(magnitudes), magnitudes.Length)
        : Magnitudes.Above(threshold, magnitudes);
}
