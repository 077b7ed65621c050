using System.Numerics;

namespace Tributary.Training;

/// <summary>
/// For a pair of neighbours, the rank of their merge and the token they become. Open addressing with linear probing, at most half
/// full: a lookup, which is nearly all that merging does, touches one cache line.
/// </summary>
internal sealed class MergeTable
{
    private const ulong Empty = ulong.MaxValue; // ids are far below 2^32 - 1

    private readonly (ulong Pair, int Rank, int Id)[] _slots;
    private readonly int _shift;

    /// <summary>Makes the table of merges in the order of their rank; of a pair that comes twice the first counts.</summary>
    public MergeTable(IReadOnlyCollection<(int Left, int Right, int Id)> merges)
    {
        int bits = Math.Max(4, BitOperations.Log2((uint)Math.Max(1, merges.Count)) + 2);
        _slots = new (ulong, int, int)[1 << bits];
        Array.Fill(_slots, (Empty, 0, 0));
        _shift = 64 - bits;
        int rank = 0;
        foreach ((int left, int right, int id) in merges)
        {
            ref (ulong Pair, int Rank, int Id) slot = ref Find(Key(left, right));
            if (slot.Pair == Empty)
            {
                slot = (Key(left, right), rank, id);
            }

            rank++;
        }
    }

    /// <summary>Looks a pair up.</summary>
    /// <param name="left">The left token.</param>
    /// <param name="right">The right token.</param>
    /// <param name="rank">The merge's rank, lower first; <see cref="int.MaxValue"/> where there is none.</param>
    /// <param name="id">The token they become.</param>
    public bool TryGet(int left, int right, out int rank, out int id)
    {
        ref (ulong Pair, int Rank, int Id) slot = ref Find(Key(left, right));
        bool found = slot.Pair != Empty;
        (rank, id) = found ? (slot.Rank, slot.Id) : (int.MaxValue, 0);
        return found;
    }

    private static ulong Key(int left, int right) => ((ulong)(uint)left << 32) | (uint)right;

    private ref (ulong Pair, int Rank, int Id) Find(ulong key)
    {
        // Fibonacci hashing: the high bits of a product with 2^64 over the golden ratio.
        int index = (int)((key * 0x9E3779B97F4A7C15) >> _shift);
        while (_slots[index].Pair != key && _slots[index].Pair != Empty)
        {
            index = (index + 1) & (_slots.Length - 1);
        }

        return ref _slots[index];
    }
}
