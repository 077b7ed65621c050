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

    /// <summary>A value above it is nearer to the upper magnitude.</summary>
    public double Threshold => ((double)ToFloat(Lower) + ToFloat(Upper)) / 2;

    /// <summary>
    /// Splits values by their magnitudes, of which each side has its mean. Sums are taken in the order of the positions, in double
    /// precision, and so are the same bits on every machine.
    /// </summary>
    /// <param name="values">The run.</param>
    /// <param name="positions">The elements that are kept; none is zero.</param>
    public static TwoMagnitudes Of(ReadOnlySpan<float> values, ReadOnlySpan<ushort> positions)
    {
        if (positions.IsEmpty)
        {
            return default;
        }

        double total = 0;
        foreach (ushort position in positions)
        {
            total += Math.Abs(values[position]);
        }

        double lower = total / positions.Length;
        double upper = lower;
        for (int pass = 0; pass < Passes; pass++)
        {
            double threshold = (lower + upper) / 2;
            double above = 0;
            double below = 0;
            int count = 0;
            foreach (ushort position in positions)
            {
                float magnitude = Math.Abs(values[position]);
                if (magnitude > threshold)
                {
                    above += magnitude;
                    count++;
                }
                else
                {
                    below += magnitude;
                }
            }

            // All are equal.
            if (count == 0 || count == positions.Length)
            {
                break;
            }

            upper = above / count;
            lower = below / (positions.Length - count);
        }

        return new TwoMagnitudes(ToBFloat16(lower), ToBFloat16(upper));
    }

    /// <summary>A magnitude as a float.</summary>
    public static float ToFloat(ushort magnitude) => BitConverter.UInt32BitsToSingle((uint)magnitude << 16);

    private static ushort ToBFloat16(double magnitude) => DenseFloats.ToBFloat16((float)Math.Min(magnitude, BFloat16Max));
}
