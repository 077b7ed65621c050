using System.Numerics;
using System.Runtime.CompilerServices;

namespace Tributary.Federation.Aggregation;

/// <summary>
/// Sorts the values of N sources at every coordinate at once: a fixed list of comparisons between rows, each of which leaves the smaller
/// values in the one and the larger in the other. Batcher's merge exchange, for any N (Knuth, The Art of Computer Programming 3, 5.2.2,
/// algorithm M), without the comparisons that the wanted ranks do not depend on.
/// </summary>
/// <remarks>
/// Lanes are coordinates and know nothing of each other. Negative zeros become positive ones first: there are then no two values that are equal
/// and differ in their bytes, so every machine's minimum and maximum agree. NaN has no place here.
/// </remarks>
internal sealed class SortingNetwork
{
    // As many vectors are worked on at once as hide the time from a store to the load after it.
    private const int VectorsAtOnce = 4;

    private readonly (int Low, int High)[] _comparisons;

    /// <summary>Makes the network.</summary>
    /// <param name="rows">The number of values that are sorted.</param>
    /// <param name="first">The lowest rank that is wanted, from 0.</param>
    /// <param name="last">The highest rank that is wanted.</param>
    public SortingNetwork(int rows, int first, int last)
    {
        // From the last comparison to the first: one is needed where either of its rows is.
        bool[] needed = [.. Enumerable.Range(0, rows).Select(row => row >= first && row <= last)];
        var kept = new Stack<(int Low, int High)>();
        foreach ((int low, int high) in MergeExchange(rows).Reverse())
        {
            if (needed[low] || needed[high])
            {
                needed[low] = needed[high] = true;
                kept.Push((low, high));
            }
        }

        _comparisons = [.. kept];
    }

    /// <summary>Sorts each coordinate; afterwards the wanted rows hold the values of their rank, and the others nothing of use.</summary>
    public void Sort(Strips strips)
    {
        int block = VectorsAtOnce * Vector<float>.Count;
        ref float first = ref strips.First();
        for (int at = 0; at < strips.Elements; at += block)
        {
            ref float start = ref Unsafe.Add(ref first, at);
            for (int row = 0; row < strips.Count; row++)
            {
                MakeZerosPositive(ref Unsafe.Add(ref start, row * strips.Stride));
            }

            foreach ((int low, int high) in _comparisons)
            {
                CompareExchange(ref Unsafe.Add(ref start, low * strips.Stride), ref Unsafe.Add(ref start, high * strips.Stride));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void MakeZerosPositive(ref float values)
    {
        for (int i = 0; i < VectorsAtOnce; i++)
        {
            nuint at = (nuint)(i * Vector<float>.Count);
            (Vector.LoadUnsafe(ref values, at) + Vector<float>.Zero).StoreUnsafe(ref values, at);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CompareExchange(ref float low, ref float high)
    {
        for (int i = 0; i < VectorsAtOnce; i++)
        {
            nuint at = (nuint)(i * Vector<float>.Count);
            Vector<float> one = Vector.LoadUnsafe(ref low, at);
            Vector<float> other = Vector.LoadUnsafe(ref high, at);
            Vector.MinNative(one, other).StoreUnsafe(ref low, at);
            Vector.MaxNative(one, other).StoreUnsafe(ref high, at);
        }
    }

    private static IEnumerable<(int Low, int High)> MergeExchange(int rows)
    {
        int top = rows < 2 ? 0 : 1 << (int.Log2(rows - 1));
        for (int p = top; p > 0; p >>= 1)
        {
            int distance = p, rest = 0;
            for (int q = top; ; q >>= 1)
            {
                for (int row = 0; row < rows - distance; row++)
                {
                    if ((row & p) == rest)
                    {
                        yield return (row, row + distance);
                    }
                }

                if (q == p)
                {
                    break;
                }

                distance = q - p;
                rest = p;
            }
        }
    }
}
