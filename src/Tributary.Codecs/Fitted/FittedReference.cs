using Tributary.Tensors;

namespace Tributary.Codecs.Fitted;

/// <summary>
/// Quantization to few levels as one reads it: the elements of a block share a bfloat16 scale and are codes for whole numbers of it.
/// </summary>
/// <remarks>
/// Codes stand in a byte from its highest bits on; what is left of a tensor's last byte is zero. A scale that is too small for a bfloat16
/// is zero, and so is all of its block. The scale is rounded from double to fp32 first, which can move it by one bfloat16 and no more.
/// </remarks>
internal static class FittedReference<TQuantizer>
    where TQuantizer : IFittedQuantizer
{
    private static int CodesInByte => 8 / TQuantizer.CodeBits;

    /// <summary>Encodes a run of blocks, of which the last may be short. Values are finite.</summary>
    public static void Encode(ReadOnlySpan<float> values, Span<ushort> scales, Span<byte> codes)
    {
        codes.Clear();
        for (int block = 0; block < scales.Length; block++)
        {
            int start = block * TQuantizer.BlockElements;
            ReadOnlySpan<float> blockValues = values.Slice(start, Math.Min(TQuantizer.BlockElements, values.Length - start));
            scales[block] = ToScale(TQuantizer.Scale(blockValues));
            float scale = ToFloat(scales[block]);
            for (int i = 0; i < blockValues.Length; i++)
            {
                codes[(start + i) / CodesInByte] |= (byte)(TQuantizer.Code(blockValues[i], scale) << Shift(start + i));
            }
        }
    }

    /// <summary>Decodes a run of blocks, of which the last may be short.</summary>
    public static void Decode(ReadOnlySpan<ushort> scales, ReadOnlySpan<byte> codes, Span<float> values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            int code = (codes[i / CodesInByte] >> Shift(i)) & ((1 << TQuantizer.CodeBits) - 1);
            values[i] = TQuantizer.Level((byte)code) * ToFloat(scales[i / TQuantizer.BlockElements]);
        }
    }

    /// <summary>A scale as it is stored.</summary>
    public static ushort ToScale(double exact) => DenseFloats.ToBFloat16((float)Math.Min(exact, TQuantizer.ScaleMax));

    /// <summary>A stored scale as a float.</summary>
    public static float ToFloat(ushort scale) => BitConverter.UInt32BitsToSingle((uint)scale << 16);

    private static int Shift(int element) => 8 - (TQuantizer.CodeBits * ((element % CodesInByte) + 1));
}
