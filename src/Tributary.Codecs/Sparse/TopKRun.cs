using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Tributary.Codecs.Sparse;

/// <summary>
/// The bytes of a run: two magnitudes; then, from the highest bits of each byte on, the low bits of each position, a bitmap of the
/// rest of the positions, and two bits for each value.
/// </summary>
/// <remarks>
/// Elias-Fano: the j-th position, less its low bits, is the place of the bitmap's j-th one, less j. With one position for every 2^b elements and b low
/// bits the bitmap has two bits a position. Where fewer are kept than could be, the bitmap has fewer ones.
/// </remarks>
internal static class TopKRun
{
    private const int Negative = 2;
    private const int Upper = 1;

    /// <summary>Writes a run.</summary>
    /// <param name="lowBits">The low bits of a position.</param>
    /// <param name="values">The run.</param>
    /// <param name="positions">The elements that are kept, ascending; none is zero.</param>
    /// <param name="magnitudes">Receives the two magnitudes, the lower one first.</param>
    /// <param name="codes">Receives the rest.</param>
    [SkipLocalsInit]
    public static void Write(int lowBits, ReadOnlySpan<float> values, ReadOnlySpan<ushort> positions, Span<ushort> magnitudes, Span<byte> codes)
    {
        Span<float> kept = stackalloc float[positions.Length];
        for (int i = 0; i < positions.Length; i++)
        {
            kept[i] = Math.Abs(values[positions[i]]);
        }

        TwoMagnitudes two = TwoMagnitudes.Of(kept);
        (magnitudes[0], magnitudes[1]) = (two.Lower, two.Upper);
        int threshold = BitConverter.SingleToInt32Bits(two.Threshold);
        codes.Clear();
        (int bitmapStart, int valuesStart) = Parts(lowBits, codes.Length);
        Span<byte> bitmap = codes[bitmapStart..valuesStart];
        Span<byte> signs = codes[valuesStart..];
        uint low = 0;
        int lowCount = 0;
        int lowStart = 0;
        for (int i = 0; i < positions.Length; i++)
        {
            int position = positions[i];
            low = (low << lowBits) | (uint)(position & ((1 << lowBits) - 1));
            for (lowCount += lowBits; lowCount >= 8; lowCount -= 8)
            {
                codes[lowStart++] = (byte)(low >> (lowCount - 8));
            }

            int one = (position >> lowBits) + i;
            bitmap[one / 8] |= (byte)(0x80 >> (one % 8));

            // Signs and sides nobody can predict, so they are had without branches: magnitudes are in the order of their bits.
            int isNegative = BitConverter.SingleToInt32Bits(values[position]) >>> 31;
            int isUpper = (threshold - BitConverter.SingleToInt32Bits(kept[i])) >>> 31;
            int code = (isNegative * Negative) | (isUpper * Upper);
            signs[i / 4] |= (byte)(code << (6 - (2 * (i % 4))));
        }

        if (lowCount > 0)
        {
            codes[lowStart] = (byte)(low << (8 - lowCount));
        }
    }

    /// <summary>Reads a run; whatever the bytes are, nothing is written outside of it.</summary>
    /// <param name="lowBits">The low bits of a position.</param>
    /// <param name="kept">The most elements that a run of this length keeps.</param>
    /// <param name="magnitudes">The two magnitudes.</param>
    /// <param name="codes">The rest.</param>
    /// <param name="values">The run, all zeros; receives what was kept.</param>
    public static void Read(int lowBits, int kept, ReadOnlySpan<ushort> magnitudes, ReadOnlySpan<byte> codes, Span<float> values)
    {
        (float lower, float upper) = (TwoMagnitudes.ToFloat(magnitudes[0]), TwoMagnitudes.ToFloat(magnitudes[1]));
        ReadOnlySpan<float> valueOfCode = [lower, upper, -lower, -upper];
        (int bitmapStart, int valuesStart) = Parts(lowBits, codes.Length);
        ReadOnlySpan<byte> bitmap = codes[bitmapStart..valuesStart];
        ReadOnlySpan<byte> signs = codes[valuesStart..];
        int i = 0;
        for (int start = 0; start < bitmap.Length; start += 2)
        {
            for (uint ones = BinaryPrimitives.ReadUInt16BigEndian(bitmap[start..]); ones != 0 && i < kept; i++)
            {
                int bit = BitOperations.LeadingZeroCount(ones) - 16;
                ones &= ~(0x8000u >> bit);
                int position = (((8 * start) + bit - i) << lowBits) | Low(codes, lowBits, i);
                if (position >= values.Length)
                {
                    continue;
                }

                values[position] = valueOfCode[(signs[i / 4] >> (6 - (2 * (i % 4)))) & (Negative | Upper)];
            }
        }
    }

    /// <summary>Where the bitmap and the values begin: for every eight positions there are a byte for each low bit, two and two.</summary>
    private static (int Bitmap, int Values) Parts(int lowBits, int length)
    {
        int groups = length / (lowBits + 4);
        return (groups * lowBits, groups * (lowBits + 2));
    }

    /// <summary>The low bits of a position, at most nine, which stand in one byte or two.</summary>
    private static int Low(ReadOnlySpan<byte> codes, int lowBits, int i)
    {
        int first = i * lowBits;
        int two = (codes[first / 8] << 8) | codes[(first / 8) + 1];
        return (two >> (16 - lowBits - (first % 8))) & ((1 << lowBits) - 1);
    }
}
