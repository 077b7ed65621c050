namespace Tributary.Training;

/// <summary>
/// Merges neighbouring symbols, always the pair of the lowest rank and among equals the leftmost, until none is left. A queue of
/// candidates over a linked list of symbols: O(n log n).
/// </summary>
/// <remarks>Sennrich, Haddow and Birch, "Neural machine translation of rare words with subword units" (2016).</remarks>
internal static class BytePairMerger
{
    public static int[] Merge(List<int> symbols, Dictionary<(int Left, int Right), (int Rank, int Id)> merges)
    {
        int[] ids = [.. symbols];
        int[] next = new int[ids.Length], previous = new int[ids.Length];
        var queue = new PriorityQueue<(int Position, int Left, int Right), (int Rank, int Position)>(ids.Length);
        for (int i = 0; i < ids.Length; i++)
        {
            (previous[i], next[i]) = (i - 1, i + 1);
        }

        void Propose(int left)
        {
            if (left >= 0 && next[left] < ids.Length && merges.TryGetValue((ids[left], ids[next[left]]), out (int Rank, int Id) merge))
            {
                queue.Enqueue((left, ids[left], ids[next[left]]), (merge.Rank, left));
            }
        }

        for (int i = 0; i < ids.Length; i++)
        {
            Propose(i);
        }

        while (queue.TryDequeue(out (int Position, int Left, int Right) pair, out _))
        {
            int left = pair.Position, right = next[left];
            if (ids[left] != pair.Left || right >= ids.Length || ids[right] != pair.Right)
            {
                continue; // one of the two has been merged with its other neighbour since
            }

            ids[left] = merges[(pair.Left, pair.Right)].Id;
            ids[right] = -1;
            next[left] = next[right];
            if (next[left] < ids.Length)
            {
                previous[next[left]] = left;
            }

            Propose(previous[left]);
            Propose(left);
        }

        return [.. ids.Where(id => id >= 0)];
    }
}
