using Tributary.Federation.Jobs;
using Tributary.Privacy.Accounting;
using Tributary.Privacy.Noise;
using Tributary.Privacy.Rings;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Privacy.Tests.Rings;

/// <summary>Integers on their way: what is packed at a site is what the server adds up, whatever runs of it are read. A slip here ruins every sum.</summary>
public sealed class PackedSourceTests
{
    [Theory]
    [InlineData(4)]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(12)]
    [InlineData(16)]
    [InlineData(19)]
    [InlineData(24)]
    [InlineData(32)]
    public void What_is_packed_comes_out_again_from_any_run_of_any_tile(int bits)
    {
        using MemorySource model = new(MemorySource.Gaussian("w", DType.F32, [1030, 1024], 1, 0.02f), MemorySource.Gaussian("b", DType.F32, [33], 2));
        var grid = new RingGrid(0.1, bits, 3);
        using var integers = new RingSource(model, grid, new NoiseKey(new byte[NoiseKey.Length]), null);
        using var packed = new PackedSource(integers, bits);
        packed.Manifest.Select(entry => entry.Spec.ElementCount).ShouldBe([BitPacking.ByteLength(1030 * 1024, bits), BitPacking.ByteLength(33, bits)]);
        using var message = new MemorySource([.. packed.Manifest.Select((entry, place) => (entry.Spec, AllBytes(packed, place)))]);
        using var read = new UnpackedSource(message, model.Manifest, bits);
        foreach (Tile tile in integers.Manifest.Tiles())
        {
            int length = integers.Manifest[tile.Tensor].TileBytes(tile.Index);
            Bytes(read, tile, 0, length).ShouldBe(Bytes(integers, tile, 0, length));
            int offset = Math.Min(length / 2, 5 * Tile.StripAlignment * sizeof(uint)) / (Tile.StripAlignment * sizeof(uint)) * Tile.StripAlignment * sizeof(uint);
            Bytes(read, tile, offset, length - offset).ShouldBe(Bytes(integers, tile, offset, length - offset));
        }

        // In odd runs, as a transfer may read them.
        byte[] whole = AllBytes(packed, 0);
        int at = Tile.StripAlignment;
        Bytes(packed, new Tile(0, 0), at, 12345).ShouldBe(whole[at..(at + 12345)]);
    }

    [Fact]
    public void A_message_of_other_bits_or_tensors_is_refused()
    {
        using MemorySource model = new(MemorySource.Gaussian("w", DType.F32, [64], 1));
        using MemorySource other = new(MemorySource.Gaussian("v", DType.F32, [64], 1));
        var grid = new RingGrid(0.1, 8, 3);
        using var integers = new RingSource(model, grid, new NoiseKey(new byte[NoiseKey.Length]), null);
        using var packed = new PackedSource(integers, 8);
        Should.Throw<TensorFormatException>(() => new UnpackedSource(packed, model.Manifest, 16)).Message.ShouldContain("in 16 bits");
        Should.Throw<TensorFormatException>(() => new UnpackedSource(packed, other.Manifest, 8)).Message.ShouldContain("U8[64] v");
    }

    [Fact]
    public void The_mean_of_rounded_values_is_their_mean_up_to_a_step()
    {
        using MemorySource first = new(MemorySource.Gaussian("w", DType.F32, [5000], 1, 0.02f));
        using MemorySource second = new(MemorySource.Gaussian("w", DType.F32, [5000], 2, 0.02f));
        var grid = new RingGrid(0.2, 16, 2);
        NoiseKey key = new(new byte[NoiseKey.Length]);
        using var mean = new RingMean(new RingSumSourceOf(grid, new RingSource(first, grid, key, null), new RingSource(second, grid, key, null)).Source, grid, 2);
        float[] expected = [.. first.ReadFloats("w").Zip(second.ReadFloats("w"), (x, y) => (x + y) / 2)];
        mean.ReadFloats("w").Zip(expected).ShouldAllBe(pair => Math.Abs(pair.First - pair.Second) <= grid.Step * 1.01);
    }

    [Theory]
    [InlineData(16, 100_000)]
    [InlineData(24, 1_000_000)]
    [InlineData(32, 1_000_000_000)]
    public void Noise_of_the_surviving_sites_comes_to_the_multiplier_that_was_asked_for_and_fits_into_the_ring(int bits, long dimension)
    {
        Job job = new()
        {
            Name = "j",
            Sites = [.. Enumerable.Range(0, 6).Select(i => $"s{i}")],
            Precision = new JobPrecision("nf4", JobPrecision.Integers, Ring: new JobRing(bits)),
            SecureAggregation = new JobSecureAggregation(),
            Privacy = new JobPrivacy { Unit = PrivacyUnit.Site, Clip = 1.5, NoiseMultiplier = 1.1 },
        };
        RingNoise noise = RingNoise.Of(job, dimension);
        noise.Mechanism.Parties.ShouldBe(4);
        noise.Mechanism.RenyiDivergence(4).ShouldBe(new GaussianMechanism(1.1).RenyiDivergence(4), 0.01);

        // All six sites' largest values, and eight deviations of all their noise.
        double reach = (6.0 * noise.Grid.Most) + (8 * noise.Mechanism.Deviation * Math.Sqrt(6));
        reach.ShouldBeLessThanOrEqualTo(Math.Pow(2, bits - 1) * 1.001);
        (noise.Grid.Step * noise.Grid.Most).ShouldBe(1.5, 1e-9);
    }

    [Fact]
    public void A_ring_without_room_for_the_noise_is_refused()
    {
        Job job = new()
        {
            Name = "j",
            Sites = ["a", "b", "c"],
            Precision = new JobPrecision("nf4", JobPrecision.Integers, Ring: new JobRing(16)),
            SecureAggregation = new JobSecureAggregation(),
            Privacy = new JobPrivacy { Unit = PrivacyUnit.Site, Clip = 1, NoiseMultiplier = 4 },
        };
        Should.Throw<ArgumentException>(() => RingNoise.Of(job, 1_000_000_000)).Message.ShouldContain("take more bits");

        // The sum's noise alone would be as wide as the ring.
        Job bare = job with { Sites = ["a", "b", "c", "d"], SecureAggregation = null, Privacy = job.Privacy! with { NoiseMultiplier = 1 } };
        Should.Throw<ArgumentException>(() => RingNoise.Of(bare, 5_000_000)).Message.ShouldContain("take more bits");
    }

    private static byte[] AllBytes(TensorSource source, int tensor) =>
        [.. Enumerable.Range(0, (int)source.Manifest[tensor].Spec.TileCount).SelectMany(tile => Bytes(source, new Tile(tensor, tile), 0, source.Manifest[tensor].TileBytes(tile)))];

    private static byte[] Bytes(TensorSource source, Tile tile, int offset, int length)
    {
        byte[] bytes = new byte[length];
        source.Read(tile, offset, bytes);
        return bytes;
    }

    private sealed class RingSumSourceOf(RingGrid grid, params TensorSource[] sources)
    {
        public TensorSource Source { get; } = new Tributary.Privacy.SecureAggregation.RingSumSource(sources, grid);
    }
}
