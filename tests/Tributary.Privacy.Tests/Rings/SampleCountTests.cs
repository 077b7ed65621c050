using Tributary.Privacy.Noise;
using Tributary.Privacy.Rings;
using Tributary.Privacy.SecureAggregation;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Privacy.Tests.Rings;

/// <summary>How many records are in a sum: off by one digit, and every model's change is scaled wrongly without a word.</summary>
public sealed class SampleCountTests
{
    [Theory]
    [InlineData(4, 7)]
    [InlineData(4, 3)]
    [InlineData(8, 16)]
    [InlineData(8, 64)]
    [InlineData(12, 5)]
    [InlineData(16, 3)]
    [InlineData(32, 2)]
    [InlineData(32, 1)]
    public void The_sum_of_numbers_is_exact_however_few_bits_the_ring_has(int bits, int sites)
    {
        var grid = new RingGrid(0.1, bits, sites);
        var random = new Random(bits + sites);
        foreach (long most in new[] { 1, 2, 1000, 1_000_000_007, long.MaxValue / 64 })
        {
            long[] counts = [.. Enumerable.Range(0, sites).Select(site => site == 0 ? most : random.NextInt64(most + 1))];
            SampleCount.Total(Sum(grid, counts.Select(count => new SampleCount(count, most, grid))), most, grid).ShouldBe(counts.Sum(), $"most {most}");
        }
    }

    [Fact]
    public void The_mean_is_weighted_by_records_and_more_than_the_most_count_as_that_many()
    {
        using MemorySource first = new(MemorySource.Gaussian("w", DType.F32, [5000], 1, 0.02f));
        using MemorySource second = new(MemorySource.Gaussian("w", DType.F32, [5000], 2, 0.02f));
        var grid = new RingGrid(0.1, 20, 2);
        SampleCount few = new(125, 1000, grid), many = new(5000, 1000, grid);
        (few.Share, many.Share).ShouldBe((0.125f, 1f));
        var sum = new RingSumSource([few.Beside(Rounded(first, grid, few)), many.Beside(Rounded(second, grid, many))], grid);
        SampleCount.Total(sum, 1000, grid).ShouldBe(1125);
        using var mean = new RingMean(sum, grid, 1.125);
        float[] expected = [.. first.ReadFloats("w").Zip(second.ReadFloats("w"), (x, y) => ((x * 0.125f) + y) / 1.125f)];
        mean.ReadFloats("w").Zip(expected).ShouldAllBe(pair => Math.Abs(pair.First - pair.Second) <= 2 * grid.Step);
    }

    [Fact]
    public void Numbers_that_no_sites_could_have_are_refused()
    {
        var grid = new RingGrid(0.1, 8, 3);
        Should.Throw<TensorFormatException>(() => SampleCount.Total(Sum(grid, [new SampleCount(0, 100, grid), new SampleCount(0, 100, grid)]), 100, grid)).Message.ShouldContain("it is 0");
        Should.Throw<TensorFormatException>(() => SampleCount.Total(Sum(grid, Enumerable.Repeat(new SampleCount(1700, 1700, grid), 3)), 1600, grid)).Message.ShouldContain("it is 5100");
        using var integers = new RingSource(new MemorySource(MemorySource.Gaussian("w", DType.F32, [8], 1)), grid, Key, null);
        TensorSource[] beyond = [.. Enumerable.Range(0, 4).Select(_ => new SampleCount(42, 42, grid).Beside(integers))];
        Should.Throw<TensorFormatException>(() => SampleCount.Total(new RingSumSource(beyond, grid), 42, grid)).Message.ShouldContain("beyond what all sites' can come to");
    }

    private static NoiseKey Key { get; } = new(new byte[NoiseKey.Length]);

    private static RingSource Rounded(TensorSource source, RingGrid grid, SampleCount count) => new(source, grid, Key, null, count.Share);

    private static RingSumSource Sum(RingGrid grid, IEnumerable<SampleCount> counts)
    {
        var model = new MemorySource(MemorySource.Gaussian("w", DType.F32, [8], 1, 0.01f));
        return new RingSumSource([.. counts.Select(count => count.Beside(Rounded(model, grid, count)))], grid);
    }
}
