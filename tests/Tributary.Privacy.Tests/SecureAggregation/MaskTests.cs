using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Tributary.Privacy.Noise;
using Tributary.Privacy.Rings;
using Tributary.Privacy.SecureAggregation;
using Tributary.Privacy.Tests.Noise;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Privacy.Tests.SecureAggregation;

/// <summary>What the server sees of one site is to say nothing, whatever the site sent; and a mask that is not taken off exactly leaves a model of noise.</summary>
public sealed class MaskTests
{
    private const int Elements = 1 << 18;

    [Theory]
    [InlineData(8)]
    [InlineData(5)]
    [InlineData(16)]
    [InlineData(32)]
    public void A_masked_update_looks_uniform_until_the_last_mask_is_known(int bits)
    {
        var grid = new RingGrid(1, bits, 3);
        MaskTerm[] terms = [new(Keys.Fixed(1), Subtract: false), new(Keys.Fixed(2), Subtract: true), new(Keys.Fixed(3), Subtract: false)];
        foreach (Func<int, uint> update in (Func<int, uint>[])[_ => 0, _ => grid.Mask, i => (uint)i & grid.Mask, i => (uint)(i / 1024) & grid.Mask])
        {
            using TensorSource integers = Source(Elements, update);
            uint[] plain = SecureRound.Read(integers);
            using TensorSource masked = new MaskedSource(integers, grid, terms);
            ShouldLookUniform(SecureRound.Read(masked), plain, grid, 4.5);

            // With what colluding neighbours know taken off, one honest neighbour's mask or the self mask is enough.
            for (int unknown = 0; unknown < terms.Length; unknown++)
            {
                using TensorSource left = new RingSumSource([masked], grid, [.. terms.Where((_, i) => i != unknown).Select(term => term.Inverse)]);
                ShouldLookUniform(SecureRound.Read(left), plain, grid, 4.5);
            }

            using TensorSource bare = new RingSumSource([masked], grid, [.. terms.Select(term => term.Inverse)]);
            SecureRound.Read(bare).AsSpan().SequenceEqual(plain).ShouldBeTrue();
        }
    }

    [Fact]
    public void What_the_server_is_sent_of_one_site_in_a_round_looks_uniform()
    {
        using var federation = new SecureRound(SecureRound.RoundOf(4), new QuickKeys());
        using TensorSource integers = Source(Elements, i => (uint)(i % 3));
        federation.Integers[federation.Round.Roster[1]] = integers;
        using TensorSource other = Source(Elements, i => (uint)(i % 5));
        federation.Integers[federation.Round.Roster[2]] = other;
        IReadOnlyDictionary<string, ReceivedShares> shares = federation.ShareAll();
        uint[] Masked(string site)
        {
            federation.Sites[site].Receive(shares[site]);
            using TensorSource masked = federation.Sites[site].Mask(federation.Integers[site]);
            return SecureRound.Read(masked);
        }

        // Of the system's generator: once in a hundred million runs one of these is beyond.
        uint[] first = Masked(federation.Round.Roster[1]);
        uint[] second = Masked(federation.Round.Roster[2]);
        ShouldLookUniform(first, SecureRound.Read(integers), federation.Round.Ring, 7);
        ShouldLookUniform(second, first, federation.Round.Ring, 7);
    }

    [Fact]
    public void Masks_are_the_same_bytes_in_every_version_or_sites_that_upgrade_one_by_one_add_up_noise()
    {
        // RFC 5903's keys, then HKDF by Python's hmac and AES-256-ECB of the counters 0 and 1 by OpenSSL's command.
        byte[] stream = Convert.FromHexString("f1cc5fe98017390943af4d1e7fec4fa7633d6e7a2cd0f89565ce9533ce1ff492");
        AggregationRound round = SecureRound.RoundOf(3);
        Convert.ToHexStringLower(round.Digest).ShouldBe("dfcb2edaec695f8c5585ccb229acd8702a89195de821a9d1f86ca757cec9d02b");
        using var one = AgreementKey.FromSecret(Convert.FromHexString("C88F01F510D9AC3F70A292DAA2316DE544E9AAB8AFE84049C62A9C57862D1433"));
        using var other = AgreementKey.FromSecret(Convert.FromHexString("C6EF9C5D78AE012A011164ACB397CE2088685D8F06BF9BE0B283AB46476BEE53"));
        NoiseKey seed = one.PairSeed(round, other.PublicKey, "h-clinic-1", "a-clinic-0");
        Convert.ToHexStringLower(seed.Bytes).ShouldBe("b473973e900be4f8c1a960d000d328c7b06d3ae053d4b61d6135aa20c3abe114");
        uint[] Masked(int bits, string site, string neighbour)
        {
            using TensorSource zeros = Source(32 / (bits / 8), _ => 0);
            using TensorSource masked = new MaskedSource(zeros, new RingGrid(1, bits, 3), [MaskTerm.OfPair(seed, site, neighbour)]);
            return SecureRound.Read(masked);
        }

        Masked(8, "a-clinic-0", "h-clinic-1").ShouldBe(stream.Select(value => (uint)value));
        Masked(8, "h-clinic-1", "a-clinic-0").ShouldBe(stream.Select(value => (uint)(256 - value) & 0xFF));
        Masked(16, "a-clinic-0", "h-clinic-1").ShouldBe(stream.Chunk(2).Select(value => (uint)BinaryPrimitives.ReadUInt16LittleEndian(value)));
        Masked(32, "a-clinic-0", "h-clinic-1").ShouldBe(stream.Chunk(4).Select(value => BinaryPrimitives.ReadUInt32LittleEndian(value)));
    }

    [Theory]
    [InlineData(3)]
    [InlineData(12)]
    [InlineData(31)]
    public void Any_strip_is_masked_and_unmasked_alone_and_on_any_thread(int bits)
    {
        var grid = new RingGrid(1, bits, 2);
        MaskTerm[] terms = [new(Keys.Fixed(1), Subtract: false), new(Keys.Fixed(2), Subtract: true)];
        using TensorSource integers = Source(Tile.ElementsMax + 100_001, i => (uint)(i * 2654435761L) & grid.Mask);
        using TensorSource masked = new MaskedSource(integers, grid, terms);
        using TensorSource sum = new RingSumSource([masked, integers], grid, [.. terms.Select(term => term.Inverse)]);
        uint[] whole = SecureRound.Read(masked);
        uint[] twice = [.. SecureRound.Read(integers).Select(element => (2 * element) & grid.Mask)];
        Parallel.For(0, 60, i =>
        {
            var tile = new Tile(0, i % 2);
            int elements = masked.Manifest[0].Spec.TileElements(tile.Index);
            int first = (i * 7 * Tile.StripAlignment) % elements / Tile.StripAlignment * Tile.StripAlignment;
            int count = Math.Min(elements - first, (1 + (i % 5)) * 5 * Tile.StripAlignment);
            uint[] strip = new uint[count];
            int place = (int)(tile.Index * Tile.ElementsMax) + first;
            masked.Read(tile, first * sizeof(uint), MemoryMarshal.AsBytes(strip.AsSpan()));
            strip.AsSpan().SequenceEqual(whole.AsSpan(place, count)).ShouldBeTrue();
            sum.Read(tile, first * sizeof(uint), MemoryMarshal.AsBytes(strip.AsSpan()));
            strip.AsSpan().SequenceEqual(twice.AsSpan(place, count)).ShouldBeTrue();
        });
    }

    [Fact]
    public void Summing_64_sites_takes_a_strip_of_each_at_a_time_and_no_more_memory_than_a_few()
    {
        var grid = new RingGrid(1, 8, 64);
        using TensorSource integers = Source(Tile.ElementsMax, i => (uint)i & grid.Mask);
        using var strips = new LongestStrip(integers);
        TensorSource[] masked = [.. Enumerable.Range(0, 64).Select(site => new MaskedSource(strips, grid, [new MaskTerm(Keys.Fixed((byte)site), Subtract: false)]))];
        using TensorSource sum = new RingSumSource(masked, grid, [.. Enumerable.Range(0, 64).Select(site => new MaskTerm(Keys.Fixed((byte)site), Subtract: true))]);
        byte[] tile = new byte[sum.Manifest[0].TileBytes(0)];
        sum.Read(new Tile(0, 0), 0, tile);
        uint[] expected = [.. SecureRound.Read(integers).Select(element => (64 * element) & grid.Mask)];
        MemoryMarshal.Cast<byte, uint>(tile).SequenceEqual(expected).ShouldBeTrue();
        long before = GC.GetAllocatedBytesForCurrentThread();
        sum.Read(new Tile(0, 0), 0, tile);

        // A site's tile is 4 MiB, 64 are 256; what is allocated are ciphers' objects.
        strips.Bytes.ShouldBeLessThanOrEqualTo(256 << 10);
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(4L << 20);
    }

    [Fact]
    public void What_is_no_element_of_the_ring_is_refused_by_name()
    {
        var grid = new RingGrid(1, 8, 3);
        using var floats = new MemorySource(MemorySource.F32("w", [2], 1, 2));
        Should.Throw<TensorFormatException>(() => new MaskedSource(floats, grid, [])).Message.ShouldContain("'w'");
        using TensorSource large = Source(2, i => (uint)i * 256);
        using TensorSource masked = new MaskedSource(large, grid, []);
        Should.Throw<TensorFormatException>(() => SecureRound.Read(masked)).Message.ShouldContain("8 bits");
    }

    private static MemorySource Source(int count, Func<int, uint> element)
    {
        uint[] values = [.. Enumerable.Range(0, count).Select(element)];
        return new MemorySource((new TensorSpec("w", DType.U32, new TensorShape(count)), MemoryMarshal.AsBytes(values.AsSpan()).ToArray()));
    }

    private sealed class LongestStrip(TensorSource source) : TensorSource
    {
        public int Bytes { get; private set; }

        public override TensorManifest Manifest => source.Manifest;

        public override void Read(Tile tile, int offset, Span<byte> destination)
        {
            Bytes = Math.Max(Bytes, destination.Length);
            source.Read(tile, offset, destination);
        }
    }

    /// <summary>Chi-square over values, over neighbouring values and over the wire's bytes; autocorrelation; correlation with what is under it. Each in standard deviations.</summary>
    private static void ShouldLookUniform(uint[] elements, uint[] plain, RingGrid grid, double deviations)
    {
        elements.Max().ShouldBeLessThanOrEqualTo(grid.Mask);
        int top = Math.Max(grid.Bits - 8, 0);
        ChiSquare(elements.Select(element => (int)(element >> top)), 1 << Math.Min(grid.Bits, 8)).ShouldBeInRange(-deviations, deviations);
        ChiSquare(elements.Select(element => (int)(element & grid.Mask & 0xFF)), 1 << Math.Min(grid.Bits, 8)).ShouldBeInRange(-deviations, deviations);
        int half = Math.Min(grid.Bits, 6);
        ChiSquare(elements.Chunk(2).Select(pair => (int)(((pair[0] >> (grid.Bits - half)) << half) | (pair[1] >> (grid.Bits - half)))), 1 << (2 * half)).ShouldBeInRange(-deviations, deviations);
        byte[] bytes = new byte[BitPacking.ByteLength(elements.Length, grid.Bits)];
        BitPacking.Pack(elements, grid.Bits, bytes);
        ChiSquare(bytes.Select(value => (int)value), 256).ShouldBeInRange(-deviations, deviations);

        double mean = grid.Mask / 2.0;
        double deviation = Math.Sqrt(((Math.Pow(2, grid.Bits) * Math.Pow(2, grid.Bits)) - 1) / 12);
        double[] values = [.. elements.Select(element => (element - mean) / deviation)];
        double[] under = [.. plain.Select(element => (element - mean) / deviation)];
        (values.Average() * Math.Sqrt(values.Length)).ShouldBeInRange(-deviations, deviations);
        foreach (int lag in (int[])[1, 2, 3, 4, 8, 16, 64, 256, 4096])
        {
            (Statistics.Autocorrelation(values, lag) * Math.Sqrt(values.Length)).ShouldBeInRange(-deviations, deviations, $"lag {lag}");
        }

        double norm = Math.Sqrt(under.Sum(value => value * value));
        (values.Zip(under, (value, other) => value * other).Sum() / norm).ShouldBeInRange(-deviations, deviations);
    }

    private static double ChiSquare(IEnumerable<int> values, int cells)
    {
        long[] counts = new long[cells];
        long total = 0;
        foreach (int value in values)
        {
            counts[value]++;
            total++;
        }

        double expected = (double)total / cells;
        return (counts.Sum(count => (count - expected) * (count - expected) / expected) - (cells - 1)) / Math.Sqrt(2.0 * (cells - 1));
    }
}
