using System.Security.Cryptography;
using System.Text;

namespace Tributary.Tensors.Checkpoints;

/// <summary>Says whether two parties hold the same weights, however these lie in files.</summary>
public static class CheckpointDigest
{
    /// <summary>
    /// <c>sha256:</c> and the SHA-256 over all tensors in the order of their names: name, type, shape, then the bytes. The same for one file and
    /// for shards; another for the same values in another type.
    /// </summary>
    /// <param name="weights">Dense tensors.</param>
    /// <param name="cancellationToken">Looked at between tiles.</param>
    public static string Of(TensorSource weights, CancellationToken cancellationToken = default)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        int[] order = [.. Enumerable.Range(0, weights.Manifest.Count).OrderBy(tensor => weights.Manifest[tensor].Spec.Name, StringComparer.Ordinal)];
        foreach (int tensor in order)
        {
            TensorSpec spec = weights.Manifest[tensor].Spec;
            hash.AppendData(Encoding.UTF8.GetBytes($"{spec.Name}\n{spec.DType.Name()} {spec.Shape}\n"));
            IEnumerable<Tile> tiles = Enumerable.Range(0, checked((int)spec.TileCount)).Select(index => new Tile(tensor, index));
            ParallelTiles.ForEachInOrder(weights, tiles, threads: 1, (_, bytes) => hash.AppendData(bytes), cancellationToken);
        }

        return "sha256:" + Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
