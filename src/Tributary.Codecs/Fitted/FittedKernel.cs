using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Tributary.Codecs.Fitted;

/// <summary>
/// <see cref="FittedReference{TQuantizer}"/> by vectors of 128 bits, which every machine has. Writes the same bytes: sums have fixed lanes, and each other step
/// is the reference's own fp32 operation.
/// </summary>
/// <remarks>
/// Lanes are in memory order, 16 elements a step; full blocks are multiples of 16, so there is no remainder, and a short last block
/// goes to the reference. A value that is not finite shows in the block's scale, so refusing it costs nothing. All scales of a run come before its codes:
/// a scale is a long chain of operations, and so those of several blocks are under way at a time.
/// </remarks>
internal static class FittedKernel<TQuantizer>
    where TQuantizer : IFittedQuantizer
{
    private const int Step = 16;

    private static int StepBytes => Step * TQuantizer.CodeBits / 8;

    private static int BlockBytes => TQuantizer.BlockElements * TQuantizer.CodeBits / 8;

    /// <summary>Encodes a run of blocks, of which the last may be short.</summary>
    /// <returns>The first element that is NaN or infinite, at which it stopped; or -1.</returns>
    public static int Encode(ReadOnlySpan<float> values, Span<ushort> scales, Span<byte> codes)
    {
        int full = Vector128.IsHardwareAccelerated ? values.Length / TQuantizer.BlockElements : 0;
        ref float value = ref MemoryMarshal.GetReference(values);
        ref byte code = ref MemoryMarshal.GetReference(codes);
        for (int block = 0; block < full; block++)
        {
            double exact = TQuantizer.ScaleByVectors(ref Unsafe.Add(ref value, block * TQuantizer.BlockElements));
            if (!double.IsFinite(exact))
            {
                return NotFinite.IndexIn(values, block * TQuantizer.BlockElements);
            }

            scales[block] = FittedReference<TQuantizer>.ToScale(exact);
        }

        for (int block = 0; block < full; block++)
        {
            Codes(ref value, FittedReference<TQuantizer>.ToFloat(scales[block]), ref code);
            value = ref Unsafe.Add(ref value, TQuantizer.BlockElements);
            code = ref Unsafe.Add(ref code, BlockBytes);
        }

        int done = full * TQuantizer.BlockElements;
        int notFinite = NotFinite.IndexIn(values, done);
        if (notFinite < 0)
        {
            FittedReference<TQuantizer>.Encode(values[done..], scales[full..], codes[(full * BlockBytes)..]);
        }

        return notFinite;
    }

    /// <summary>Decodes a run of blocks, of which the last may be short.</summary>
    public static void Decode(ReadOnlySpan<ushort> scales, ReadOnlySpan<byte> codes, Span<float> values)
    {
        int full = Vector128.IsHardwareAccelerated ? values.Length / TQuantizer.BlockElements : 0;
        ref float value = ref MemoryMarshal.GetReference(values);
        ref byte code = ref MemoryMarshal.GetReference(codes);
        for (int block = 0; block < full; block++)
        {
            Values(ref code, FittedReference<TQuantizer>.ToFloat(scales[block]), ref value);
            value = ref Unsafe.Add(ref value, TQuantizer.BlockElements);
            code = ref Unsafe.Add(ref code, BlockBytes);
        }

        int done = full * TQuantizer.BlockElements;
        FittedReference<TQuantizer>.Decode(scales[full..], codes[(full * BlockBytes)..], values[done..]);
    }

    private static void Codes(ref float values, float scale, ref byte codes)
    {
        Vector128<float> scales = Vector128.Create(scale);
        for (int i = 0; i < TQuantizer.BlockElements; i += Step)
        {
            Vector128<float> first = Vector128.LoadUnsafe(ref values, (nuint)i);
            Vector128<float> second = Vector128.LoadUnsafe(ref values, (nuint)(i + 4));
            Vector128<float> third = Vector128.LoadUnsafe(ref values, (nuint)(i + 8));
            Vector128<float> fourth = Vector128.LoadUnsafe(ref values, (nuint)(i + 12));
            PackedCodes.Store(TQuantizer.Codes(first, second, third, fourth, scales), TQuantizer.CodeBits, ref codes);
            codes = ref Unsafe.Add(ref codes, StepBytes);
        }
    }

    private static void Values(ref byte codes, float scale, ref float values)
    {
        Vector128<float> scales = Vector128.Create(scale);
        for (int i = 0; i < TQuantizer.BlockElements; i += Step)
        {
            (Vector128<short> lower, Vector128<short> upper) = Vector128.Widen(TQuantizer.Levels(PackedCodes.Load(TQuantizer.CodeBits, ref codes)));
            (Vector128<int> first, Vector128<int> second) = Vector128.Widen(lower);
            (Vector128<int> third, Vector128<int> fourth) = Vector128.Widen(upper);
            (Vector128.ConvertToSingle(first) * scales).StoreUnsafe(ref values, (nuint)i);
            (Vector128.ConvertToSingle(second) * scales).StoreUnsafe(ref values, (nuint)(i + 4));
            (Vector128.ConvertToSingle(third) * scales).StoreUnsafe(ref values, (nuint)(i + 8));
            (Vector128.ConvertToSingle(fourth) * scales).StoreUnsafe(ref values, (nuint)(i + 12));
            codes = ref Unsafe.Add(ref codes, StepBytes);
        }
    }
}
