namespace Tributary.Tensors.Checkpoints;

/// <summary>Which tensors lie in which shard of a checkpoint: their places in the manifest, in its order. A tensor is never divided.</summary>
public static class ShardPlan
{
    /// <summary>The fewest shards of at most that many bytes, except where a single tensor is larger.</summary>
    public static IReadOnlyList<IReadOnlyList<int>> BySize(TensorManifest manifest, long bytesMax)
    {
        var shards = new List<List<int>>();
        long bytes = long.MaxValue;
        for (int tensor = 0; tensor < manifest.Count; tensor++)
        {
            long length = manifest[tensor].ByteLength;
            if (shards.Count == 0 || bytes > bytesMax - length)
            {
                shards.Add([]);
                bytes = 0;
            }

            shards[^1].Add(tensor);
            bytes += length;
        }

        return shards;
    }

    /// <summary>That many shards, of sizes as equal as whole tensors in their order allow without a search.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There are fewer than 1, or more than there are tensors.</exception>
    public static IReadOnlyList<IReadOnlyList<int>> ByCount(TensorManifest manifest, int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, manifest.Count);
        var shards = new List<int>[count];
        long left = manifest.ByteLength;
        int tensor = 0;
        for (int s = 0; s < count; s++)
        {
            // Of what is left each shard takes its part, and the tensor that crosses its end if more than half of it lies before.
            int after = count - s - 1;
            long part = left / (after + 1);
            long bytes = 0;
            shards[s] = [];
            while (tensor < manifest.Count - after
                && (shards[s].Count == 0 || after == 0 || bytes + (manifest[tensor].ByteLength / 2) <= part))
            {
                bytes += manifest[tensor].ByteLength;
                shards[s].Add(tensor++);
            }

            left -= bytes;
        }

        return shards;
    }
}
