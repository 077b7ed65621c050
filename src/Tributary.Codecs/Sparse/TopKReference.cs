using System.Runtime.CompilerServices;

namespace Tributary.Codecs.Sparse;

/// <summary>Which elements of a run are kept, as one reads it: all are sorted.</summary>
internal static class TopKReference
{
    private const ulong InfinityBits = 0x7F80_0000;

    /// <summary>Finds the largest magnitudes; of equal ones those that come first. Zeros are never kept.</summary>
    /// <param name="values">At most 4096 values.</param>
    /// <param name="positions">Receives the elements, ascending; as many as it has room for, or fewer where all others are zero.</param>
    /// <returns>How many were found; -1 where a value is NaN or infinite.</returns>
    [SkipLocalsInit]
    public static int Select(ReadOnlySpan<float> values, Span<ushort> positions)
    {
        // Magnitudes are in the order of their bits; below them the position, so that the first of equals is the largest.
        Span<ulong> keys = stackalloc ulong[values.Length];
        for (int i = 0; i < values.Length; i++)
        {
            keys[i] = ((ulong)BitConverter.SingleToUInt32Bits(Math.Abs(values[i])) << 16) | (ushort)~i;
        }

        keys.Sort();
        if (keys[^1] >> 16 >= InfinityBits)
        {
            return -1;
        }

        int kept = 0;
        while (kept < positions.Length && keys[^(kept + 1)] > ushort.MaxValue)
        {
            positions[kept] = (ushort)~keys[^(kept + 1)];
            kept++;
        }

        positions[..kept].Sort();
        return kept;
    }
}
