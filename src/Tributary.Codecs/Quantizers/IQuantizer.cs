using System.Runtime.Intrinsics;

namespace Tributary.Codecs.Quantizers;

/// <summary>
/// What tells one block precision from another: which code stands for a value that was scaled to [-1, 1], and which level for a code.
/// The drivers own everything else (blocks, scales, nibbles, dispatch, tails).
/// </summary>
/// <remarks>
/// The scalar pair is the definition; each vector method does the same for 16 elements in order, bit for bit, at one vector width.
/// Scaled values may overshoot 1 by rounding (a few parts in a million), never more.
/// </remarks>
internal interface IQuantizer
{
    /// <summary>4, or 8.</summary>
    static abstract int CodeBits { get; }

    static abstract byte Code(float scaled);

    static abstract float Level(byte code);

    static abstract Vector128<byte> Codes(Vector512<float> scaled);

    static abstract Vector128<byte> Codes(Vector256<float> lower, Vector256<float> upper);

    static abstract Vector128<byte> Codes(Vector128<float> first, Vector128<float> second, Vector128<float> third, Vector128<float> fourth);

    static abstract Vector512<float> Levels(Vector128<byte> codes);

    static abstract (Vector256<float> Lower, Vector256<float> Upper) LevelsBy256(Vector128<byte> codes);

    static abstract (Vector128<float> First, Vector128<float> Second, Vector128<float> Third, Vector128<float> Fourth) LevelsBy128(Vector128<byte> codes);
}
