using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tributary.Codecs.Quantizers;

/// <summary>Evenly spaced levels n/127 for n from -127 to 127, ties to even; the code is n as a signed byte.</summary>
/// <remarks>
/// Adding 1.5 * 2^23 to a small float rounds it to an integer, which then stands in the lowest mantissa bits as two's complement.
/// </remarks>
internal readonly struct Linear : IQuantizer
{
    private const float Steps = 127;
    private const float StepSize = 1 / Steps;
    private const float Rounder = 12582912;

    public static int CodeBits => 8;

    public static byte Code(float scaled) => (byte)(sbyte)MathF.Round(scaled * Steps, MidpointRounding.ToEven);

    public static float Level(byte code) => (sbyte)code * StepSize;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Codes(Vector512<float> scaled) =>
        Avx512F.ConvertToVector128Byte(((scaled * Vector512.Create(Steps)) + Vector512.Create(Rounder)).AsUInt32());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Codes(Vector256<float> lower, Vector256<float> upper)
    {
        Vector256<ushort> codes = Vector256.Narrow(Round(lower), Round(upper));
        return Vector128.Narrow(codes.GetLower(), codes.GetUpper());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Codes(Vector128<float> first, Vector128<float> second, Vector128<float> third, Vector128<float> fourth) =>
        Vector128.Narrow(Vector128.Narrow(Round(first), Round(second)), Vector128.Narrow(Round(third), Round(fourth)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Levels(Vector128<byte> codes) =>
        Vector512.ConvertToSingle(Avx512F.ConvertToVector512Int32(codes.AsSByte())) * Vector512.Create(StepSize);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector256<float> Lower, Vector256<float> Upper) LevelsBy256(Vector128<byte> codes)
    {
        (Vector256<int> lower, Vector256<int> upper) = Vector256.Widen(Vector256.WidenLower(codes.AsSByte().ToVector256Unsafe()));
        Vector256<float> step = Vector256.Create(StepSize);
        return (Vector256.ConvertToSingle(lower) * step, Vector256.ConvertToSingle(upper) * step);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector128<float> First, Vector128<float> Second, Vector128<float> Third, Vector128<float> Fourth) LevelsBy128(Vector128<byte> codes)
    {
        (Vector128<short> lower, Vector128<short> upper) = Vector128.Widen(codes.AsSByte());
        (Vector128<int> first, Vector128<int> second) = Vector128.Widen(lower);
        (Vector128<int> third, Vector128<int> fourth) = Vector128.Widen(upper);
        Vector128<float> step = Vector128.Create(StepSize);
        return (Vector128.ConvertToSingle(first) * step, Vector128.ConvertToSingle(second) * step,
            Vector128.ConvertToSingle(third) * step, Vector128.ConvertToSingle(fourth) * step);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Round(Vector256<float> scaled) =>
        ((scaled * Vector256.Create(Steps)) + Vector256.Create(Rounder)).AsUInt32() & Vector256.Create(0xFFu);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> Round(Vector128<float> scaled) =>
        ((scaled * Vector128.Create(Steps)) + Vector128.Create(Rounder)).AsUInt32() & Vector128.Create(0xFFu);
}
