using FsCheck;
using FsCheck.Fluent;
using Tributary.Privacy.Rings;
using Tributary.Privacy.Tests.Noise;
using Tributary.Tensors;

namespace Tributary.Privacy.Tests.Rings;

/// <summary>Sums under masks are in a ring: a sum that goes around, or a bit in the wrong place, is a wrong model that nobody can see is wrong.</summary>
public sealed class RingTests
{
    private static Gen<RingGrid> Grids =>
        from bits in Gen.Choose(2, 32)
        from share in Gen.Choose(0, 1000)
        from range in Gen.Choose(1, 1_000_000)
        let sites = 1 + (int)(Math.Min((1L << (bits - 1)) - 2, 63) * share / 1000)
        select new RingGrid(range / 1000.0, bits, sites);

    [Fact]
    public void The_sum_of_as_many_sites_as_agreed_is_exact_in_any_order_and_never_goes_around()
    {
        Prop.ForAll(Grids.ToArbitrary(), Gen.Choose(0, int.MaxValue).ToArbitrary(), (grid, seed) =>
        {
            var random = new Random(seed);
            // Also the ends of the range, at which a sum would go around first, and beyond.
            float[] choices = [(float)grid.Range, -(float)grid.Range, (float)grid.Range * 2, -(float)grid.Range * 2, 0];
            long[] exact = new long[17];
            uint[] sum = new uint[17];
            uint[] reverse = new uint[17];
            var sites = new List<uint[]>();
            for (int site = 0; site < grid.Sites; site++)
            {
                float[] values = [.. exact.Select((_, i) => i < choices.Length ? choices[i] : (float)((random.NextDouble() - 0.5) * 2 * grid.Range))];
                uint[] elements = new uint[17];
                new StochasticRounding(Keys.Fixed((byte)site), "w", grid).Round(0, values, elements);
                elements.ShouldAllBe(element => element <= grid.Mask);
                for (int i = 0; i < exact.Length; i++)
                {
                    exact[i] += Signed(elements[i], grid.Bits);
                }

                grid.Add(sum, elements);
                sites.Add(elements);
            }

            foreach (uint[] elements in Enumerable.Reverse(sites))
            {
                grid.Add(reverse, elements);
            }

            reverse.ShouldBe(sum);
            sum.Select(element => Signed(element, grid.Bits)).ShouldBe(exact);
            float[] decoded = new float[17];
            grid.Decode(sum, decoded);
            decoded.ShouldBe(exact.Select(integer => (float)(integer * grid.Step)));
            exact[2].ShouldBe((long)grid.Most * grid.Sites);
            exact[3].ShouldBe(-(long)grid.Most * grid.Sites);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(300));
    }

    [Fact]
    public void A_value_is_rounded_to_a_neighbour_and_kept_in_the_mean()
    {
        var grid = new RingGrid(1, 8, 16);
        grid.Most.ShouldBe(7);
        const int Count = 200_000;
        foreach (float value in new[] { 0.3f, -0.3f, 0, 1, -1, 1e-3f, 0.9999f })
        {
            float[] decoded = Decoded(grid, [.. Enumerable.Repeat(value, Count)]);
            decoded.ShouldAllBe(kept => Math.Abs(kept - value) < grid.Step);
            double error = grid.Step / 2 / Math.Sqrt(Count);
            decoded.Average(kept => (double)kept).ShouldBe(value, (4 * error) + 1e-7);
        }
    }

    [Fact]
    public void Any_run_is_rounded_alike_whatever_is_rounded_with_it()
    {
        var grid = new RingGrid(0.5, 12, 3);
        float[] values = [.. Enumerable.Range(0, 30_000).Select(i => (i % 997 / 997f) - 0.5f)];
        uint[] whole = Rounded(grid, 0, values);
        foreach ((int first, int count) in new[] { (0, 1), (1, 2), (3, 5), (8190, 10), (4095, 20_000), (29_999, 1) })
        {
            Rounded(grid, first, values[first..(first + count)]).ShouldBe(whole[first..(first + count)]);
        }
    }

    [Fact]
    public void Values_beyond_the_range_are_cut_and_counted_and_those_that_are_not_finite_refused()
    {
        var grid = new RingGrid(1, 16, 4);
        var rounding = new StochasticRounding(Keys.Fixed(1), "w", grid);
        uint[] elements = new uint[4];
        rounding.Round(0, [1, -1, 1.5f, -1e30f], elements).ShouldBe(2);
        elements.Select(element => Signed(element, 16)).ShouldBe([grid.Most, -grid.Most, grid.Most, -grid.Most]);
        Should.Throw<TensorFormatException>(() => rounding.Round(0, [0, float.NaN], elements)).Message.ShouldContain("'w'");
        Should.Throw<TensorFormatException>(() => rounding.Round(0, [float.PositiveInfinity], elements));
    }

    [Theory]
    [InlineData(0, 8, 2)]
    [InlineData(double.NaN, 8, 2)]
    [InlineData(1, 1, 1)]
    [InlineData(1, 33, 1)]
    [InlineData(1, 8, 128)]
    [InlineData(1, 8, 0)]
    public void Rings_that_cannot_hold_a_sum_are_refused(double range, int bits, int sites) => Should.Throw<ArgumentException>(() => new RingGrid(range, bits, sites));

    [Fact]
    public void Packed_integers_are_read_as_they_were_and_take_no_bit_more()
    {
        var packed =
            from bits in Gen.Choose(1, 32)
            from count in Gen.Choose(0, 300)
            from seed in Gen.Choose(0, int.MaxValue)
            select (Bits: bits, Count: count, Seed: seed);
        Prop.ForAll(packed.ToArbitrary(), p =>
        {
            var random = new Random(p.Seed);
            uint[] integers = [.. Enumerable.Range(0, p.Count).Select(_ => (uint)random.NextInt64(1L << p.Bits))];
            byte[] bytes = new byte[BitPacking.ByteLength(p.Count, p.Bits)];
            bytes.Length.ShouldBe(((p.Count * p.Bits) + 7) / 8);
            BitPacking.Pack(integers, p.Bits, bytes);
            uint[] read = new uint[p.Count];
            BitPacking.Unpack(bytes, p.Bits, read);
            read.ShouldBe(integers);

            // A strip that begins at a multiple of eight is a run of the bytes.
            int start = p.Count / 3 / 8 * 8;
            byte[] strip = new byte[BitPacking.ByteLength(p.Count - start, p.Bits)];
            BitPacking.Pack(integers.AsSpan(start), p.Bits, strip);
            strip.ShouldBe(bytes[(start * p.Bits / 8)..]);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(500));
    }

    [Fact]
    public void Packed_bytes_are_those_of_the_wire_whatever_the_machine()
    {
        byte[] bytes = new byte[3];
        BitPacking.Pack([0b101, 0b010, 0b111, 0b001, 0b110, 0b011, 0b100], 3, bytes);
        bytes.ShouldBe([0b11_010_101, 0b1_110_001_1, 0b000_100_01]);
        Should.Throw<ArgumentException>(() => BitPacking.Pack([8], 3, new byte[1]));
        Should.Throw<ArgumentException>(() => BitPacking.Pack([1, 1, 1], 3, new byte[1]));
        Should.Throw<ArgumentException>(() => BitPacking.Unpack(new byte[1], 33, new uint[1]));
    }

    private static long Signed(uint element, int bits) => element >> (bits - 1) == 0 ? element : element - (1L << bits);

    private static uint[] Rounded(RingGrid grid, long first, float[] values)
    {
        uint[] elements = new uint[values.Length];
        new StochasticRounding(Keys.Fixed(9), "w", grid).Round(first, values, elements);
        return elements;
    }

    private static float[] Decoded(RingGrid grid, float[] values)
    {
        float[] decoded = new float[values.Length];
        grid.Decode(Rounded(grid, 0, values), decoded);
        return decoded;
    }
}
