using System.Security.Cryptography;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Federation.Tests.Aggregation;

/// <summary>Updates of one model as sites send them: odd shapes, any float type, tensors in any order.</summary>
internal static class RandomUpdates
{
    public static readonly DType[] FloatTypes = [DType.F32, DType.F16, DType.BF16];

    public static readonly string[] Names = ["a", "b", "c"];

    public static MemorySource Next(Random random, long[] shape)
    {
        (TensorSpec, byte[])[] tensors =
        [
            MemorySource.Gaussian("a", FloatTypes[random.Next(3)], shape, random.Next()),
            MemorySource.Gaussian("b", FloatTypes[random.Next(3)], [shape[1], shape[0], 1], random.Next(), scale: 1e-3f),
            MemorySource.Gaussian("c", FloatTypes[random.Next(3)], [], random.Next(), scale: 100),
        ];
        random.Shuffle(tensors);
        return new MemorySource(tensors);
    }

    public static MemorySource[] Many(int count, int seed, long[] shape)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => Next(random, shape))];
    }

    /// <summary>Updates of two tensors of several tiles, the one F32 and the other BF16, whose last strips are odd.</summary>
    public static MemorySource[] Large(int count) => [.. Enumerable.Range(0, count).Select(i => new MemorySource(
        MemorySource.Gaussian("w", DType.F32, [Tile.ElementsMax + 12_345], 2 * i),
        MemorySource.Gaussian("h", DType.BF16, [70_001], (2 * i) + 1)))];

    /// <summary>A digest of all tiles, read by that many threads.</summary>
    public static string Digest(TensorSource source, int threads)
    {
        using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        ParallelTiles.ForEachInOrder(source, threads, (_, bytes) => digest.AppendData(bytes), TestContext.Current.CancellationToken);
        return Convert.ToHexString(digest.GetHashAndReset());
    }
}
