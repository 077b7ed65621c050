using Tributary.Codecs.Quantizers;

namespace Tributary.Codecs.Blocks;

/// <summary>
/// Block-wise quantization as one reads it: the elements of a block share an fp32 scale, their largest magnitude (absmax), and are
/// codes for levels between -1 and 1. <see cref="BlockKernel{TQuantizer}"/> writes the same bytes, faster.
/// </summary>
/// <remarks>
/// Source: bitsandbytes (Dettmers et al., arXiv 2110.02861, and QLoRA, arXiv 2305.14314). Codes are 8 bits, or 4 with element 2i in
/// the high nibble and an odd end padded with zero.
/// </remarks>
internal static class BlockReference<TQuantizer>
    where TQuantizer : IQuantizer
{
    /// <summary>What a block of zeros is divided by.</summary>
    public const float AbsmaxMin = 1e-38f;

    /// <summary>Encodes a run of blocks, of which the last may be short. Values are finite.</summary>
    public static void Encode(int blockElements, ReadOnlySpan<float> values, Span<float> scales, Span<byte> codes)
    {
        int blockCodeBytes = blockElements * TQuantizer.CodeBits / 8;
        for (int block = 0; block < scales.Length; block++)
        {
            ReadOnlySpan<float> blockValues = values[(block * blockElements)..];
            bool isShort = blockValues.Length < blockElements;
            scales[block] = EncodeBlock(isShort ? blockValues : blockValues[..blockElements], isShort, codes[(block * blockCodeBytes)..]);
        }
    }

    /// <summary>Decodes a run of blocks, of which the last may be short.</summary>
    public static void Decode(int blockElements, ReadOnlySpan<float> scales, ReadOnlySpan<byte> codes, Span<float> values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = TQuantizer.Level(CodeAt(codes, i)) * scales[i / blockElements];
        }
    }

    /// <summary>Writes a block's codes and returns its scale.</summary>
    private static float EncodeBlock(ReadOnlySpan<float> values, bool isShort, Span<byte> codes)
    {
        float absmax = 0;
        foreach (float value in values)
        {
            absmax = Math.Max(absmax, Math.Abs(value));
        }

        float divisor = Math.Max(absmax, AbsmaxMin);
        float factor = 1 / divisor;
        for (int i = 0; i < values.Length; i++)
        {
            // bitsandbytes multiplies full blocks by the reciprocal and divides the short one: the last bit can differ.
            float scaled = isShort ? values[i] / divisor : values[i] * factor;
            SetCode(codes, i, TQuantizer.Code(Math.Clamp(scaled, -1, 1)));
        }

        return isShort ? divisor : absmax;
    }

    private static byte CodeAt(ReadOnlySpan<byte> codes, int element)
    {
        if (TQuantizer.CodeBits == 8)
        {
            return codes[element];
        }

        return (byte)(element % 2 == 0 ? codes[element / 2] >> 4 : codes[element / 2] & 0xF);
    }

    private static void SetCode(Span<byte> codes, int element, byte code)
    {
        if (TQuantizer.CodeBits == 8)
        {
            codes[element] = code;
        }
        else if (element % 2 == 0)
        {
            codes[element / 2] = (byte)(code << 4);
        }
        else
        {
            codes[element / 2] |= code;
        }
    }
}
