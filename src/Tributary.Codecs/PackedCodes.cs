using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tributary.Codecs;

/// <summary>Sixteen codes of 8, 4, 2 or 1 bits, one in each byte of a register, to and from memory, where they stand from the highest bits of each byte on.</summary>
internal static class PackedCodes
{
    /// <summary>Stores 16 codes, each below 2 to the power of <paramref name="bits"/>, which is a constant where this is compiled.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector128<byte> sixteen, int bits, ref byte destination)
    {
        if (bits == 8)
        {
            sixteen.StoreUnsafe(ref destination);
            return;
        }

        if (bits == 1)
        {
            Vector128<byte> lastFirst = Vector128.Shuffle(sixteen, Vector128.Create((byte)7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8));
            Unsafe.WriteUnaligned(ref destination, (ushort)(lastFirst.AsUInt16() << 7).AsByte().ExtractMostSignificantBits());
            return;
        }

        // Each 16-bit lane holds an even element in its low byte and the odd one after it in its high byte.
        Vector128<ushort> pairs = sixteen.AsUInt16();
        pairs = ((pairs << bits) | (pairs >> 8)) & Vector128.Create((ushort)((1 << (2 * bits)) - 1));
        if (bits == 4)
        {
            Unsafe.WriteUnaligned(ref destination, Vector128.Narrow(pairs, pairs).AsUInt64().ToScalar());
            return;
        }

        Vector128<uint> fours = pairs.AsUInt32();
        fours = (fours << 4) | (fours >> 16);
        Vector128<byte> lowest = Vector128.Shuffle(fours.AsByte(), Vector128.Create((byte)0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12));
        Unsafe.WriteUnaligned(ref destination, lowest.AsUInt32().ToScalar());
    }

    /// <summary>Loads 16 codes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Load(int bits, ref byte source)
    {
        if (bits == 8)
        {
            return Vector128.LoadUnsafe(ref source);
        }

        if (bits == 1)
        {
            Vector128<byte> two = Vector128.Create(Unsafe.ReadUnaligned<ushort>(ref source)).AsByte();
            Vector128<byte> spread = Vector128.Shuffle(two, Vector128.Create((byte)0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1));
            Vector128<byte> bit = Vector128.Create(0x0102_0408_1020_4080ul).AsByte();
            return Vector128.Equals(spread & bit, bit) & Vector128<byte>.One;
        }

        Vector128<ushort> pairs;
        if (bits == 4)
        {
            pairs = Vector128.WidenLower(Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<ulong>(ref source)).AsByte());
        }
        else
        {
            Vector128<byte> four = Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<uint>(ref source)).AsByte();
            Vector128<uint> fours = Vector128.WidenLower(Vector128.WidenLower(four));
            pairs = ((fours >> 4) | ((fours & Vector128.Create(0xFu)) << 16)).AsUInt16();
        }

        return ((pairs >> bits) | ((pairs & Vector128.Create((ushort)((1 << bits) - 1))) << 8)).AsByte();
    }
}
