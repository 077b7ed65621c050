namespace Tributary.Privacy.Rings;

/// <summary>
/// Integers of k bits, one after the other without gaps: integer i is the bits from i k to (i + 1) k, the lowest bit of a byte first. So any eighth integer begins
/// with a byte, and a strip can be packed or read alone.
/// </summary>
public static class BitPacking
{
    /// <summary>The bytes of so many integers; unused bits of the last one are 0.</summary>
    /// <param name="count">The integers.</param>
    /// <param name="bits">k, from 1 to 32.</param>
    public static long ByteLength(long count, int bits) => checked((count * bits) + 7) / 8;

    /// <summary>Packs integers.</summary>
    /// <param name="integers">The integers, each below 2^k.</param>
    /// <param name="bits">k, from 1 to 32.</param>
    /// <param name="bytes">Receives <see cref="ByteLength"/> bytes.</param>
    public static void Pack(ReadOnlySpan<uint> integers, int bits, Span<byte> bytes)
    {
        Check(integers.Length, bits, bytes.Length);
        ulong held = 0;
        int count = 0;
        int at = 0;
        foreach (uint integer in integers)
        {
            if (bits < 32 && integer >> bits != 0)
            {
                throw new ArgumentException($"{integer} does not fit into {bits} bits.", nameof(integers));
            }

            held |= (ulong)integer << count;
            for (count += bits; count >= 8; count -= 8, held >>= 8)
            {
                bytes[at++] = (byte)held;
            }
        }

        if (count > 0)
        {
            bytes[at] = (byte)held;
        }
    }

    /// <summary>Reads integers.</summary>
    /// <param name="bytes">What <see cref="Pack"/> made.</param>
    /// <param name="bits">k, from 1 to 32.</param>
    /// <param name="integers">Receives the integers, as many as it has room for.</param>
    public static void Unpack(ReadOnlySpan<byte> bytes, int bits, Span<uint> integers)
    {
        Check(integers.Length, bits, bytes.Length);
        uint mask = uint.MaxValue >> (32 - bits);
        ulong held = 0;
        int count = 0;
        int at = 0;
        for (int i = 0; i < integers.Length; i++)
        {
            for (; count < bits; count += 8)
            {
                held |= (ulong)bytes[at++] << count;
            }

            integers[i] = (uint)held & mask;
            held >>= bits;
            count -= bits;
        }
    }

    private static void Check(int count, int bits, int bytes)
    {
        if (bits is < 1 or > 32)
        {
            throw new ArgumentException($"Integers of {bits} bits cannot be packed: from 1 to 32.", nameof(bits));
        }

        if (bytes != ByteLength(count, bits))
        {
            throw new ArgumentException($"{count} integers of {bits} bits take {ByteLength(count, bits)} bytes, not {bytes}.", nameof(bytes));
        }
    }
}
