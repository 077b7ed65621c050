namespace Tributary.Training;

/// <summary>
/// Merges neighbouring symbols, always the pair of the lowest rank and among equals the leftmost, until none is left. A word of a few
/// symbols is searched again for each merge; a longer run has a queue of candidates over a linked list: O(n log n).
/// </summary>
/// <remarks>Sennrich, Haddow and Birch, "Neural machine translation of rare words with subword units" (2016).</remarks>
internal static class BytePairMerger
{
    private const int ScannedMax = 48; // up to about here a search is faster than a queue

    /// <summary>Merges in place; what is left stands at the beginning.</summary>
    /// <returns>How many symbols are left.</returns>
    public static int Merge(Span<int> symbols, MergeTable merges) =>
        symbols.Length <= ScannedMax ? MergeByScan(symbols, merges) : MergeByQueue(symbols, merges);

    internal static int MergeByScan(Span<int> symbols, MergeTable merges)
    {
        int count = symbols.Length;
        Span<int> ranks = stackalloc int[ScannedMax];
        Span<int> merged = stackalloc int[ScannedMax];
        for (int i = 0; i + 1 < count; i++)
        {
            merges.TryGet(symbols[i], symbols[i + 1], out ranks[i], out merged[i]);
        }

        while (count > 1)
        {
            int best = 0;
            for (int i = 1; i + 1 < count; i++)
            {
                best = ranks[i] < ranks[best] ? i : best;
            }

            if (ranks[best] == int.MaxValue)
            {
                break;
            }

            symbols[best] = merged[best];
            symbols[(best + 2)..count].CopyTo(symbols[(best + 1)..]);
            if (best + 2 < count)
            {
                ranks[(best + 2)..count].CopyTo(ranks[(best + 1)..]);
                merged[(best + 2)..count].CopyTo(merged[(best + 1)..]);
            }

            count--;
            if (best > 0)
            {
                merges.TryGet(symbols[best - 1], symbols[best], out ranks[best - 1], out merged[best - 1]);
            }

            if (best + 1 < count)
            {
                merges.TryGet(symbols[best], symbols[best + 1], out ranks[best], out merged[best]);
            }
        }

        return count;
    }

    internal static int MergeByQueue(Span<int> symbols, MergeTable merges)
    {
        int[] ids = [.. symbols];
        int[] next = new int[ids.Length], previous = new int[ids.Length];
        // The priority is rank, then position; the element is the pair as it was proposed.
        var queue = new PriorityQueue<(int Position, int Left, int Right, int Id), long>(ids.Length);
        for (int i = 0; i < ids.Length; i++)
        {
            (previous[i], next[i]) = (i - 1, i + 1);
        }

        void Propose(int left)
        {
            if (left >= 0 && next[left] < ids.Length && merges.TryGet(ids[left], ids[next[left]], out int rank, out int id))
            {
                queue.Enqueue((left, ids[left], ids[next[left]], id), ((long)rank << 32) | (uint)left);
            }
        }

        for (int i = 0; i < ids.Length; i++)
        {
            Propose(i);
        }

        while (queue.TryDequeue(out (int Position, int Left, int Right, int Id) pair, out _))
        {
            int left = pair.Position, right = next[left];
            if (ids[left] != pair.Left || right >= ids.Length || ids[right] != pair.Right)
            {
                continue; // one of the two has been merged with its other neighbour since
            }

            ids[left] = pair.Id;
            ids[right] = -1;
            next[left] = next[right];
            if (next[left] < ids.Length)
            {
                previous[next[left]] = left;
            }

            Propose(previous[left]);
            Propose(left);
        }

        int count = 0;
        for (int i = 0; i < ids.Length; i = next[i])
        {
            symbols[count++] = ids[i];
        }

        return count;
    }
}
