using System.Runtime.InteropServices;

namespace Tributary.Codecs;

/// <summary>
/// A precision whose elements share an fp32 scale by blocks, the block's largest magnitude (absmax), and are codes of a table of
/// levels between -1 and 1. This file is the readable reference that the vectorised kernels equal byte for byte.
/// </summary>
/// <remarks>
/// Source: bitsandbytes' block-wise quantization (Dettmers et al., arXiv 2110.02861, and QLoRA, arXiv 2305.14314). Codes are 8 bits,
/// or 4 with element 2i in the high nibble and an odd end padded with zero.
/// </remarks>
public sealed class BlockCodec : Codec
{
    /// <summary>What a block of zeros is divided by.</summary>
    internal const float AbsmaxMin = 1e-38f;

    private readonly int _codeBits;

    internal BlockCodec(string name, int blockElements, int codeBits, LevelTable levels)
        : base(name, blockElements, new Plane(1, 8 / codeBits), new Plane(sizeof(float), blockElements))
    {
        _codeBits = codeBits;
        Levels = levels;
    }

    /// <summary>The values of the codes, before they are multiplied by their block's scale.</summary>
    public LevelTable Levels { get; }

    private protected override void EncodeValues(ReadOnlySpan<float> values, Span<byte> scales, Span<byte> codes)
    {
        Span<float> absmaxes = MemoryMarshal.Cast<byte, float>(scales);
        int blockCodeBytes = CodeBytes(BlockElements);
        for (int block = 0; block < absmaxes.Length; block++)
        {
            ReadOnlySpan<float> blockValues = values[(block * BlockElements)..];
            blockValues = blockValues[..Math.Min(BlockElements, blockValues.Length)];
            absmaxes[block] = EncodeBlock(blockValues, codes.Slice(block * blockCodeBytes, CodeBytes(blockValues.Length)));
        }
    }

    private protected override void DecodeValues(int start, ReadOnlySpan<byte> scales, ReadOnlySpan<byte> codes, Span<float> values)
    {
        ReadOnlySpan<float> absmaxes = MemoryMarshal.Cast<byte, float>(scales);
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = Levels.Values[CodeAt(codes, i)] * absmaxes[i / BlockElements];
        }
    }

    /// <summary>Writes a block's codes and returns its scale.</summary>
    private float EncodeBlock(ReadOnlySpan<float> values, Span<byte> codes)
    {
        float absmax = 0;
        foreach (float value in values)
        {
            absmax = Math.Max(absmax, Math.Abs(value));
        }

        float divisor = Math.Max(absmax, AbsmaxMin);
        float factor = 1 / divisor;
        bool isShort = values.Length < BlockElements;
        if (_codeBits == 4)
        {
            codes.Clear();
        }

        for (int i = 0; i < values.Length; i++)
        {
            // bitsandbytes multiplies full blocks by the reciprocal and divides the short one: the last bit can differ.
            float scaled = isShort ? values[i] / divisor : values[i] * factor;
            SetCode(codes, i, Levels.Nearest(Math.Clamp(scaled, -1, 1)));
        }

        return isShort ? divisor : absmax;
    }

    private int CodeAt(ReadOnlySpan<byte> codes, int element)
    {
        if (_codeBits == 8)
        {
            return codes[element];
        }

        return element % 2 == 0 ? codes[element / 2] >> 4 : codes[element / 2] & 0xF;
    }

    private void SetCode(Span<byte> codes, int element, byte code)
    {
        if (_codeBits == 8)
        {
            codes[element] = code;
        }
        else
        {
            codes[element / 2] |= (byte)(element % 2 == 0 ? code << 4 : code);
        }
    }
}
