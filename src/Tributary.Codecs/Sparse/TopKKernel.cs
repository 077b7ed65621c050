using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Tributary.Codecs.Sparse;

/// <summary><see cref="TopKReference"/> without sorting: finds the same elements in two passes over the run by vectors of 128 bits.</summary>
/// <remarks>
/// The first pass takes the largest magnitude of each of 512 groups. Where k groups reach a bound, so do k elements at least, and hardly more: the second
/// pass gathers all that reach it, which are then narrowed to the k largest, digit by digit. A short run is filled up with zeros, which are never kept.
/// </remarks>
internal static class TopKKernel
{
    private const int GroupElements = 8;
    private const int Groups = TopKCodec.RunElements / GroupElements;
    private const int MagnitudeMask = 0x7FFF_FFFF;
    private const int InfinityBits = 0x7F80_0000;

    /// <summary>The bucket of a magnitude in the first pass: exponent and four bits more.</summary>
    private const int BucketShift = 19;
    private const int Buckets = 256;

    private const int GatheredAtOnce = 8;

    private const int DigitBits = 8;
    private const int Digits = 1 << DigitBits;

    /// <summary>Finds the largest magnitudes; see <see cref="TopKReference.Select"/>.</summary>
    /// <param name="values">At most 4096 values.</param>
    /// <param name="positions">Receives the elements, ascending.</param>
    /// <returns>How many were found; -1 where a value is NaN or infinite.</returns>
    [SkipLocalsInit]
    public static int Select(ReadOnlySpan<float> values, Span<ushort> positions)
    {
        if (values.Length < TopKCodec.RunElements)
        {
            Span<float> filled = stackalloc float[TopKCodec.RunElements];
            values.CopyTo(filled);
            filled[values.Length..].Clear();
            return SelectFull(ref MemoryMarshal.GetReference(filled), positions);
        }

        return SelectFull(ref MemoryMarshal.GetReference(values), positions);
    }

    [SkipLocalsInit]
    private static int SelectFull(ref float values, Span<ushort> positions)
    {
        Span<int> largest = stackalloc int[Groups];
        int bits = LargestOfGroups(ref values, largest);
        if (bits >= InfinityBits)
        {
            return -1;
        }

        int bound = Bound(largest, bits, positions.Length);
        Span<ushort> candidates = stackalloc ushort[TopKCodec.RunElements + GatheredAtOnce];
        candidates = candidates[..Gather(ref values, bound, candidates)];
        if (candidates.Length > positions.Length)
        {
            candidates = candidates[..Narrow(ref values, candidates, positions.Length, bound, bits)];
        }

        candidates.CopyTo(positions);
        return candidates.Length;
    }

    /// <summary>The bits of the largest magnitude of each group, and of all. A group is a lane of eight vectors.</summary>
    private static int LargestOfGroups(ref float values, Span<int> largest)
    {
        Vector128<int> mask = Vector128.Create(MagnitudeMask);
        Vector128<int> all = Vector128<int>.Zero;
        ref int group = ref MemoryMarshal.GetReference(largest);
        for (int i = 0; i < TopKCodec.RunElements; i += 4 * GroupElements)
        {
            Vector128<int> even = Vector128.LoadUnsafe(ref values, (nuint)i).AsInt32() & mask;
            Vector128<int> odd = Vector128.LoadUnsafe(ref values, (nuint)(i + 4)).AsInt32() & mask;
            for (int j = 8; j < 4 * GroupElements; j += 8)
            {
                even = Vector128.Max(even, Vector128.LoadUnsafe(ref values, (nuint)(i + j)).AsInt32() & mask);
                odd = Vector128.Max(odd, Vector128.LoadUnsafe(ref values, (nuint)(i + j + 4)).AsInt32() & mask);
            }

            even = Vector128.Max(even, odd);
            all = Vector128.Max(all, even);
            even.StoreUnsafe(ref group, (nuint)(i / GroupElements));
        }

        all = Vector128.Max(all, Vector128.Shuffle(all, Vector128.Create(2, 3, 0, 1)));
        return Vector128.Max(all, Vector128.Shuffle(all, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }

    /// <summary>Bits of a magnitude that at least <paramref name="kept"/> groups reach, or else the least that is not zero.</summary>
    [SkipLocalsInit]
    private static int Bound(ReadOnlySpan<int> largest, int largestOfAll, int kept)
    {
        Span<int> counts = stackalloc int[Buckets];
        counts.Clear();
        int first = largestOfAll >> BucketShift;
        foreach (int bits in largest)
        {
            counts[Math.Min(first - (bits >> BucketShift), Buckets - 1)]++;
        }

        int reached = 0;
        for (int bucket = 0; bucket < Buckets - 1; bucket++)
        {
            reached += counts[bucket];
            if (reached >= kept)
            {
                return Math.Max((first - bucket) << BucketShift, 1);
            }
        }

        return 1;
    }

    /// <summary>The elements whose magnitudes reach a bound, ascending. Writes some more places after the last one.</summary>
    private static int Gather(ref float values, int bound, Span<ushort> candidates)
    {
        ref ushort candidate = ref MemoryMarshal.GetReference(candidates);
        int count = 0;
        for (int i = 0; i < TopKCodec.RunElements; i += 64)
        {
            ulong reached = Reach(ref values, i, bound) | Reach(ref values, i + 16, bound) << 16
                | Reach(ref values, i + 32, bound) << 32 | Reach(ref values, i + 48, bound) << 48;

            // How many there are nobody can predict, so eight are written in any case: what is no candidate is written over by the next one.
            int end = count + BitOperations.PopCount(reached);
            do
            {
                for (int j = 0; j < GatheredAtOnce; j++)
                {
                    Unsafe.Add(ref candidate, count + j) = (ushort)(i + BitOperations.TrailingZeroCount(reached));
                    reached &= reached - 1;
                }

                count += GatheredAtOnce;
            }
            while (count < end);
            count = end;
        }

        return count;
    }

    /// <summary>Which of 16 magnitudes reach a bound, the first in the lowest bit.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Reach(ref float values, int i, int bound)
    {
        Vector128<int> mask = Vector128.Create(MagnitudeMask);
        Vector128<int> below = Vector128.Create(bound - 1);
        Vector128<int> first = Vector128.GreaterThan(Vector128.LoadUnsafe(ref values, (nuint)i).AsInt32() & mask, below);
        Vector128<int> second = Vector128.GreaterThan(Vector128.LoadUnsafe(ref values, (nuint)(i + 4)).AsInt32() & mask, below);
        Vector128<int> third = Vector128.GreaterThan(Vector128.LoadUnsafe(ref values, (nuint)(i + 8)).AsInt32() & mask, below);
        Vector128<int> fourth = Vector128.GreaterThan(Vector128.LoadUnsafe(ref values, (nuint)(i + 12)).AsInt32() & mask, below);
        Vector128<short> lower = Vector128.NarrowWithSaturation(first, second);
        Vector128<short> upper = Vector128.NarrowWithSaturation(third, fourth);
        return Vector128.NarrowWithSaturation(lower, upper).ExtractMostSignificantBits();
    }

    /// <summary>Leaves of the candidates, of which there are more, the largest <paramref name="kept"/>; of equal ones those that come first.</summary>
    /// <param name="values">The run.</param>
    /// <param name="candidates">The candidates, ascending; the first of them are then those that are left.</param>
    /// <param name="kept">How many are left.</param>
    /// <param name="smallest">Bits that all candidates reach.</param>
    /// <param name="largest">The bits of the largest.</param>
    [SkipLocalsInit]
    private static int Narrow(ref float values, Span<ushort> candidates, int kept, int smallest, int largest)
    {
        // How far the last one that is kept lies above the smallest, found from its highest digit on. There are no branches that depend on a value, which nobody can predict.
        Span<int> counts = stackalloc int[Digits + 1];
        int wanted = kept;
        int last = 0;
        for (int shift = BitOperations.Log2((uint)(largest - smallest)) / DigitBits * DigitBits; shift >= 0; shift -= DigitBits)
        {
            counts.Clear();
            foreach (ushort candidate in candidates)
            {
                int above = Magnitude(ref values, candidate) - smallest;
                int digits = (above ^ last) >>> shift;
                int isOther = (Digits - 1 - digits) >> 31;
                counts[(digits & ~isOther) | (Digits & isOther)]++;
            }

            int digit = Digits - 1;
            while (counts[digit] < wanted)
            {
                wanted -= counts[digit--];
            }

            last |= digit << shift;
        }

        // Of those that are equal to it so many are kept as are still wanted.
        last += smallest;
        int left = 0;
        foreach (ushort candidate in candidates)
        {
            int bits = Magnitude(ref values, candidate);
            candidates[left] = candidate;
            left += (last - bits) >>> 31;
            if (bits == last && wanted-- > 0)
            {
                left++;
            }
        }

        return left;
    }

    private static int Magnitude(ref float values, int element) => BitConverter.SingleToInt32Bits(Unsafe.Add(ref values, element)) & MagnitudeMask;
}
