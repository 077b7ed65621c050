using System.Runtime.Intrinsics;

namespace Tributary.Codecs.Fitted;

/// <summary>
/// What tells one precision of few levels from another: how a block's scale follows from its values, which code stands for a value,
/// and which whole number for a code. The drivers own everything else (blocks, scales, packed codes, tails).
/// </summary>
/// <remarks>The scalar three are the definition; each vector method does the same, bit for bit.</remarks>
internal interface IFittedQuantizer
{
    /// <summary>4, 2 or 1.</summary>
    static abstract int CodeBits { get; }

    /// <summary>The elements that share a scale; a multiple of 16.</summary>
    static abstract int BlockElements { get; }

    /// <summary>Whether so little of a value is left that only changes survive it; see <see cref="Codec.IsForChanges"/>.</summary>
    static abstract bool IsForChanges { get; }

    /// <summary>The scale of a block of finite values, not yet rounded to bfloat16.</summary>
    static abstract double Scale(ReadOnlySpan<float> values);

    /// <summary>The largest scale: beyond it the outermost level would overflow, in fp32 or in bfloat16.</summary>
    static abstract float ScaleMax { get; }

    /// <summary>The code of the level nearest to a value, given the scale that the decoder sees.</summary>
    static abstract byte Code(float value, float scale);

    /// <summary>The whole number that a code stands for: a value is that times the scale.</summary>
    static abstract float Level(byte code);

    /// <summary>The scale of a full block, of any values: not finite where one of them is not.</summary>
    static abstract double ScaleByVectors(ref float values);

    /// <summary>The codes of 16 values in order.</summary>
    static abstract Vector128<byte> Codes(Vector128<float> first, Vector128<float> second, Vector128<float> third, Vector128<float> fourth, Vector128<float> scale);

    /// <summary>The whole numbers of 16 codes.</summary>
    static abstract Vector128<sbyte> Levels(Vector128<byte> codes);
}
