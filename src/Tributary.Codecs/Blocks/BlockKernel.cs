using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Tributary.Codecs.Quantizers;

namespace Tributary.Codecs.Blocks;

/// <summary>
/// <see cref="BlockReference{TQuantizer}"/> by vectors: the one place that chooses their width and walks blocks. Writes
/// the same bytes at every width, because each step is the reference's own fp32 operation on many lanes.
/// </summary>
/// <remarks>
/// Lanes are in memory order, 16 elements a step; full blocks are multiples of 16, so there is no remainder, and a short last block
/// goes to the reference. Magnitudes are compared as integers, where NaN and infinity are the largest, so refusing them costs nothing.
/// </remarks>
internal static class BlockKernel<TQuantizer>
    where TQuantizer : IQuantizer
{
    private const int Step = 16;
    private const int MagnitudeMask = 0x7FFF_FFFF;
    private const int InfinityBits = 0x7F80_0000;

    private static bool Is512 => Vector512.IsHardwareAccelerated && Avx512F.IsSupported;

    private static bool Is256 => Vector256.IsHardwareAccelerated && Avx2.IsSupported;

    /// <summary>Encodes a run of blocks, of which the last may be short.</summary>
    /// <returns>The first element that is NaN or infinite, at which it stopped; or -1.</returns>
    public static int Encode(int blockElements, ReadOnlySpan<float> values, Span<float> scales, Span<byte> codes)
    {
        int full = Vector128.IsHardwareAccelerated ? values.Length / blockElements : 0;
        ref float value = ref MemoryMarshal.GetReference(values);
        ref byte code = ref MemoryMarshal.GetReference(codes);
        int blockCodeBytes = blockElements * TQuantizer.CodeBits / 8;
        for (int block = 0; block < full; block++)
        {
            int bits = Is512 ? AbsmaxBits512(ref value, blockElements)
                : Is256 ? AbsmaxBits256(ref value, blockElements)
                : AbsmaxBits128(ref value, blockElements);
            if (bits >= InfinityBits)
            {
                return NotFinite.IndexIn(values, block * blockElements);
            }

            float absmax = BitConverter.Int32BitsToSingle(bits);
            scales[block] = absmax;
            float factor = 1 / Math.Max(absmax, BlockReference<TQuantizer>.AbsmaxMin);
            if (Is512)
            {
                Codes512(ref value, blockElements, factor, ref code);
            }
            else if (Is256)
            {
                Codes256(ref value, blockElements, factor, ref code);
            }
            else
            {
                Codes128(ref value, blockElements, factor, ref code);
            }

            value = ref Unsafe.Add(ref value, blockElements);
            code = ref Unsafe.Add(ref code, blockCodeBytes);
        }

        int done = full * blockElements;
        int notFinite = NotFinite.IndexIn(values, done);
        if (notFinite < 0)
        {
            BlockReference<TQuantizer>.Encode(blockElements, values[done..], scales[full..], codes[(full * blockCodeBytes)..]);
        }

        return notFinite;
    }

    /// <summary>Decodes a run of blocks, of which the last may be short.</summary>
    public static void Decode(int blockElements, ReadOnlySpan<float> scales, ReadOnlySpan<byte> codes, Span<float> values)
    {
        int full = Vector128.IsHardwareAccelerated ? values.Length / blockElements : 0;
        ref float value = ref MemoryMarshal.GetReference(values);
        ref byte code = ref MemoryMarshal.GetReference(codes);
        int blockCodeBytes = blockElements * TQuantizer.CodeBits / 8;
        for (int block = 0; block < full; block++)
        {
            if (Is512)
            {
                Values512(ref code, scales[block], ref value, blockElements);
            }
            else if (Is256)
            {
                Values256(ref code, scales[block], ref value, blockElements);
            }
            else
            {
                Values128(ref code, scales[block], ref value, blockElements);
            }

            value = ref Unsafe.Add(ref value, blockElements);
            code = ref Unsafe.Add(ref code, blockCodeBytes);
        }

        int done = full * blockElements;
        BlockReference<TQuantizer>.Decode(blockElements, scales[full..], codes[(full * blockCodeBytes)..], values[done..]);
    }

    private static int AbsmaxBits512(ref float values, int count)
    {
        Vector512<int> mask = Vector512.Create(MagnitudeMask);
        Vector512<int> even = Vector512<int>.Zero;
        Vector512<int> odd = Vector512<int>.Zero;
        for (int i = 0; i < count; i += 2 * Step)
        {
            even = Vector512.Max(even, Vector512.LoadUnsafe(ref values, (nuint)i).AsInt32() & mask);
            odd = Vector512.Max(odd, Vector512.LoadUnsafe(ref values, (nuint)(i + Step)).AsInt32() & mask);
        }

        even = Vector512.Max(even, odd);
        return Largest(Vector256.Max(even.GetLower(), even.GetUpper()));
    }

    private static int AbsmaxBits256(ref float values, int count)
    {
        Vector256<int> mask = Vector256.Create(MagnitudeMask);
        Vector256<int> even = Vector256<int>.Zero;
        Vector256<int> odd = Vector256<int>.Zero;
        for (int i = 0; i < count; i += Step)
        {
            even = Vector256.Max(even, Vector256.LoadUnsafe(ref values, (nuint)i).AsInt32() & mask);
            odd = Vector256.Max(odd, Vector256.LoadUnsafe(ref values, (nuint)(i + 8)).AsInt32() & mask);
        }

        return Largest(Vector256.Max(even, odd));
    }

    private static int AbsmaxBits128(ref float values, int count)
    {
        Vector128<int> mask = Vector128.Create(MagnitudeMask);
        Vector128<int> even = Vector128<int>.Zero;
        Vector128<int> odd = Vector128<int>.Zero;
        for (int i = 0; i < count; i += 8)
        {
            even = Vector128.Max(even, Vector128.LoadUnsafe(ref values, (nuint)i).AsInt32() & mask);
            odd = Vector128.Max(odd, Vector128.LoadUnsafe(ref values, (nuint)(i + 4)).AsInt32() & mask);
        }

        return Largest(Vector128.Max(even, odd));
    }

    private static int Largest(Vector256<int> lanes) => Largest(Vector128.Max(lanes.GetLower(), lanes.GetUpper()));

    private static int Largest(Vector128<int> lanes)
    {
        lanes = Vector128.Max(lanes, Vector128.Shuffle(lanes, Vector128.Create(2, 3, 0, 1)));
        return Vector128.Max(lanes, Vector128.Shuffle(lanes, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }

    private static void Codes512(ref float values, int count, float factor, ref byte codes)
    {
        Vector512<float> factors = Vector512.Create(factor);
        for (int i = 0; i < count; i += Step)
        {
            Pack(TQuantizer.Codes(Vector512.LoadUnsafe(ref values, (nuint)i) * factors), ref codes, i);
        }
    }

    private static void Codes256(ref float values, int count, float factor, ref byte codes)
    {
        Vector256<float> factors = Vector256.Create(factor);
        for (int i = 0; i < count; i += Step)
        {
            Vector256<float> lower = Vector256.LoadUnsafe(ref values, (nuint)i) * factors;
            Vector256<float> upper = Vector256.LoadUnsafe(ref values, (nuint)(i + 8)) * factors;
            Pack(TQuantizer.Codes(lower, upper), ref codes, i);
        }
    }

    private static void Codes128(ref float values, int count, float factor, ref byte codes)
    {
        Vector128<float> factors = Vector128.Create(factor);
        for (int i = 0; i < count; i += Step)
        {
            Vector128<float> first = Vector128.LoadUnsafe(ref values, (nuint)i) * factors;
            Vector128<float> second = Vector128.LoadUnsafe(ref values, (nuint)(i + 4)) * factors;
            Vector128<float> third = Vector128.LoadUnsafe(ref values, (nuint)(i + 8)) * factors;
            Vector128<float> fourth = Vector128.LoadUnsafe(ref values, (nuint)(i + 12)) * factors;
            Pack(TQuantizer.Codes(first, second, third, fourth), ref codes, i);
        }
    }

    private static void Values512(ref byte codes, float scale, ref float values, int count)
    {
        Vector512<float> scales = Vector512.Create(scale);
        for (int i = 0; i < count; i += Step)
        {
            (TQuantizer.Levels(Unpack(ref codes, i)) * scales).StoreUnsafe(ref values, (nuint)i);
        }
    }

    private static void Values256(ref byte codes, float scale, ref float values, int count)
    {
        Vector256<float> scales = Vector256.Create(scale);
        for (int i = 0; i < count; i += Step)
        {
            (Vector256<float> lower, Vector256<float> upper) = TQuantizer.LevelsBy256(Unpack(ref codes, i));
            (lower * scales).StoreUnsafe(ref values, (nuint)i);
            (upper * scales).StoreUnsafe(ref values, (nuint)(i + 8));
        }
    }

    private static void Values128(ref byte codes, float scale, ref float values, int count)
    {
        Vector128<float> scales = Vector128.Create(scale);
        for (int i = 0; i < count; i += Step)
        {
            (Vector128<float> first, Vector128<float> second, Vector128<float> third, Vector128<float> fourth) = TQuantizer.LevelsBy128(Unpack(ref codes, i));
            (first * scales).StoreUnsafe(ref values, (nuint)i);
            (second * scales).StoreUnsafe(ref values, (nuint)(i + 4));
            (third * scales).StoreUnsafe(ref values, (nuint)(i + 8));
            (fourth * scales).StoreUnsafe(ref values, (nuint)(i + 12));
        }
    }

    /// <summary>Stores 16 codes, one in each byte, where element <paramref name="i"/> of the block belongs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Pack(Vector128<byte> sixteen, ref byte codes, int i) =>
        PackedCodes.Store(sixteen, TQuantizer.CodeBits, ref Unsafe.Add(ref codes, i * TQuantizer.CodeBits / 8));

    /// <summary>Loads 16 codes, one in each byte.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> Unpack(ref byte codes, int i) =>
        PackedCodes.Load(TQuantizer.CodeBits, ref Unsafe.Add(ref codes, i * TQuantizer.CodeBits / 8));
}
