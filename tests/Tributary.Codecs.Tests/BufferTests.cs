using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Codecs.Tests;

[CollectionDefinition(nameof(BufferTests), DisableParallelization = true)]
public sealed class AloneCollection;

/// <summary>These count what the whole process has rented, so nothing else may run.</summary>
[Collection(nameof(BufferTests))]
public sealed class BufferTests
{
    [Fact]
    public void Errors_give_every_buffer_back()
    {
        float[] values = TestValues.Gaussian(Tile.ElementsMax + 100, seed: 1);
        values[^1] = float.NaN;
        using var dense = new MemorySource(MemorySource.F32("w", [values.Length], values));
        long rented = NativeBuffer.RentedCount;
        foreach (Codec codec in Precision.All.Where(codec => codec.Encodes(DType.F32)))
        {
            using var quantized = new QuantizedSource(dense, codec);
            using var back = new DequantizedSource(quantized);
            Should.Throw<TensorFormatException>(() => quantized.Read(new Tile(0, 1), 1, new byte[10]));
            Should.Throw<TensorFormatException>(() => back.Read(new Tile(0, 1), 0, new byte[400]));
            Should.Throw<TensorFormatException>(() => ParallelTiles.ForEachInOrder(back, threads: 2, (_, _) => { }, TestContext.Current.CancellationToken));
            Should.Throw<IOException>(() => ParallelTiles.ForEachInOrder(
                back, threads: 2, (_, _) => throw new IOException("full disk"), TestContext.Current.CancellationToken));
        }

        NativeBuffer.RentedCount.ShouldBe(rented);
    }

    [Theory]
    [InlineData(DType.F32)]
    [InlineData(DType.BF16)]
    public void A_tile_read_through_the_views_allocates_nothing(DType dtype)
    {
        using var dense = new MemorySource(MemorySource.Gaussian("w", dtype, [Tile.ElementsMax], seed: 2));
        byte[] destination = new byte[Tile.ElementsMax * dtype.Size()];
        foreach (Codec codec in Precision.All.Where(codec => codec.Encodes(dtype)))
        {
            using var quantized = new QuantizedSource(dense, codec);
            using var back = new DequantizedSource(quantized);

            // Tests that run at the same time empty the pool now and then, so that a read has to make its buffers anew; but not every read.
            long least = Enumerable.Range(0, 10).Min(_ => Allocated(back, destination));
            least.ShouldBeLessThan(200, codec.Name);
        }
    }

    private static long Allocated(DequantizedSource source, byte[] destination)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        source.Read(new Tile(0, 0), 0, destination);
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}
