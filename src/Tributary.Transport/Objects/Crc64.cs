using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using ArmAes = System.Runtime.Intrinsics.Arm.Aes;

namespace Tributary.Transport;

/// <summary>
/// A running CRC-64/NVME (NVM Express base specification, 64b CRC; polynomial AD93D23594C93659, bits reflected, begun and ended with all
/// ones): every change of up to 64 bits in a row is found, and of all others one in 2^64 is not.
/// </summary>
/// <remarks>
/// Long runs are folded by carry-less multiplication (Gopal and others, "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ
/// Instruction", Intel 2009): a block that lies n bits before the end of another one counts as its product with x^n mod P there. What is
/// left goes through tables.
/// </remarks>
internal sealed class Crc64
{
    private const ulong ReflectedPolynomial = 0x9A6C9329AC4BC9B5;
    private const int Lanes = 8;
    private const int WideLanes = 4;
    private const int Slices = 8;

    private static readonly ulong[] Tables = MakeTables();
    private static readonly Vector128<ulong> Fold = FoldBy(Lanes * 128);
    private static readonly Vector512<ulong> WideFold = Repeat(FoldBy(WideLanes * 512));

    // All bits are inverted until the end.
    private ulong _state = ulong.MaxValue;

    /// <summary>The checksum of what was appended.</summary>
    public ulong Value => ~_state;

    /// <summary>Takes the next bytes.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        int folded = 0;
        if (Pclmulqdq.V512.IsSupported && bytes.Length >= 2 * WideLanes * Vector512<byte>.Count)
        {
            folded = AppendWide(MemoryMarshal.Cast<byte, Vector512<ulong>>(bytes)) * Vector512<byte>.Count;
        }
        else if ((Pclmulqdq.IsSupported || ArmAes.IsSupported) && bytes.Length >= 2 * Lanes * Vector128<byte>.Count)
        {
            folded = AppendFolded(MemoryMarshal.Cast<byte, Vector128<ulong>>(bytes)) * Vector128<byte>.Count;
        }

        _state = Continue(_state, bytes[folded..]);
    }

    private int AppendWide(ReadOnlySpan<Vector512<ulong>> blocks)
    {
        Vector512<ulong> by = WideFold;
        Vector512<ulong> a = blocks[0] ^ Vector512.CreateScalar(_state);
        Vector512<ulong> b = blocks[1];
        Vector512<ulong> c = blocks[2];
        Vector512<ulong> d = blocks[3];
        int next = WideLanes;
        for (; next + WideLanes <= blocks.Length; next += WideLanes)
        {
            a = FoldInto(a, by, blocks[next]);
            b = FoldInto(b, by, blocks[next + 1]);
            c = FoldInto(c, by, blocks[next + 2]);
            d = FoldInto(d, by, blocks[next + 3]);
        }

        Span<Vector512<ulong>> rest = [a, b, c, d];
        _state = Continue(0, MemoryMarshal.AsBytes(rest));
        return next;
    }

    private int AppendFolded(ReadOnlySpan<Vector128<ulong>> blocks)
    {
        Vector128<ulong> by = Fold;
        Vector128<ulong> a = blocks[0] ^ Vector128.CreateScalar(_state);
        Vector128<ulong> b = blocks[1];
        Vector128<ulong> c = blocks[2];
        Vector128<ulong> d = blocks[3];
        Vector128<ulong> e = blocks[4];
        Vector128<ulong> f = blocks[5];
        Vector128<ulong> g = blocks[6];
        Vector128<ulong> h = blocks[7];
        int next = Lanes;
        for (; next + Lanes <= blocks.Length; next += Lanes)
        {
            a = FoldInto(a, by, blocks[next]);
            b = FoldInto(b, by, blocks[next + 1]);
            c = FoldInto(c, by, blocks[next + 2]);
            d = FoldInto(d, by, blocks[next + 3]);
            e = FoldInto(e, by, blocks[next + 4]);
            f = FoldInto(f, by, blocks[next + 5]);
            g = FoldInto(g, by, blocks[next + 6]);
            h = FoldInto(h, by, blocks[next + 7]);
        }

        Span<Vector128<ulong>> rest = [a, b, c, d, e, f, g, h];
        _state = Continue(0, MemoryMarshal.AsBytes(rest));
        return next;
    }

    private static Vector512<ulong> FoldInto(Vector512<ulong> block, Vector512<ulong> by, Vector512<ulong> next) =>
        Pclmulqdq.V512.CarrylessMultiply(block, by, 0x00) ^ Pclmulqdq.V512.CarrylessMultiply(block, by, 0x11) ^ next;

    private static Vector128<ulong> FoldInto(Vector128<ulong> block, Vector128<ulong> by, Vector128<ulong> next) => Pclmulqdq.IsSupported
        ? Pclmulqdq.CarrylessMultiply(block, by, 0x00) ^ Pclmulqdq.CarrylessMultiply(block, by, 0x11) ^ next
        : ArmAes.PolynomialMultiplyWideningLower(block.GetLower(), by.GetLower()) ^ ArmAes.PolynomialMultiplyWideningUpper(block, by) ^ next;

    private static ulong Continue(ulong state, ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<ulong> tables = Tables;
        for (; bytes.Length >= Slices; bytes = bytes[Slices..])
        {
            ulong word = state ^ BinaryPrimitives.ReadUInt64LittleEndian(bytes);
            state = tables[(7 * 256) + (byte)word] ^ tables[(6 * 256) + (byte)(word >> 8)]
                ^ tables[(5 * 256) + (byte)(word >> 16)] ^ tables[(4 * 256) + (byte)(word >> 24)]
                ^ tables[(3 * 256) + (byte)(word >> 32)] ^ tables[(2 * 256) + (byte)(word >> 40)]
                ^ tables[256 + (byte)(word >> 48)] ^ tables[(byte)(word >> 56)];
        }

        foreach (byte one in bytes)
        {
            state = (state >> 8) ^ tables[(byte)state ^ one];
        }

        return state;
    }

    /// <summary>For each byte its remainder, then that of the byte with 1 to 7 zero bytes behind it.</summary>
    private static ulong[] MakeTables()
    {
        ulong[] tables = new ulong[Slices * 256];
        for (int i = 0; i < tables.Length; i++)
        {
            ulong state = i < 256 ? (ulong)i : tables[i - 256];
            for (int bit = 0; bit < 8; bit++)
            {
                state = TimesX(state);
            }

            tables[i] = state;
        }

        return tables;
    }

    /// <summary>
    /// What the two halves of a block are multiplied with to stand so many bits later. The product of two reflected numbers comes out one
    /// power of x too high, hence the ones.
    /// </summary>
    private static Vector128<ulong> FoldBy(int bits) => Vector128.Create(PowerOfX(bits + 64 - 1), PowerOfX(bits - 1));

    private static Vector512<ulong> Repeat(Vector128<ulong> value) => Vector512.Create(Vector256.Create(value, value), Vector256.Create(value, value));

    private static ulong PowerOfX(int exponent)
    {
        ulong power = 1UL << 63;
        for (; exponent > 0; exponent--)
        {
            power = TimesX(power);
        }

        return power;
    }

    private static ulong TimesX(ulong reflected) => (reflected >> 1) ^ ((reflected & 1) * ReflectedPolynomial);
}
