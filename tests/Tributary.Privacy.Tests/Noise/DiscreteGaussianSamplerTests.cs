using Tributary.Privacy.Noise;

namespace Tributary.Privacy.Tests.Noise;

/// <summary>The integers have to be of the very distribution that the bound is of, or the bound says nothing.</summary>
public sealed class DiscreteGaussianSamplerTests
{
    private const int Count = 200_000;

    /// <summary>Narrow ones, of a sigma of 1/2 to 14, of whole and of awkward fractions.</summary>
    [Theory]
    [InlineData(1, 4)]
    [InlineData(1, 1)]
    [InlineData(7, 3)]
    [InlineData(100, 1)]
    [InlineData(12_345_677, 65_536)]
    public void Each_integer_comes_as_often_as_it_should(long numerator, long denominator)
    {
        var distribution = new DiscreteGaussian(numerator, denominator);
        long[] drawn = Draw(distribution, "w", 0, Count);
        int reach = (int)(8 * distribution.Deviation) + 4;
        double Weight(long x) => Math.Exp(-(double)x * x * denominator / (2.0 * numerator));
        double total = Enumerable.Range(-reach, (2 * reach) + 1).Sum(x => Weight(x));
        Dictionary<long, int> counts = drawn.CountBy(x => x).ToDictionary();

        // Pearson's chi-squared over all integers that should come five times or more.
        double chi = 0;
        int cells = 0;
        for (long x = -reach; x <= reach; x++)
        {
            double expected = Count * Weight(x) / total;
            if (expected >= 5)
            {
                chi += Math.Pow(counts.GetValueOrDefault(x) - expected, 2) / expected;
                cells++;
            }
        }

        // Above mean + 3.3 deviations about once in a thousand times.
        chi.ShouldBeLessThan(cells + (3.3 * Math.Sqrt(2.0 * cells)) + 4, $"{cells} cells");
    }

    [Theory]
    [InlineData(1L << 46, 65_536)]
    [InlineData(1L << 46, 1)]
    [InlineData(999_999_999_989, 1)]
    [InlineData(1L << 28, 1)]
    [InlineData(1L << 31, 1)]
    [InlineData(3L << 31, 1)]
    public void Wide_ones_are_as_good_as_normal(long numerator, long denominator)
    {
        var distribution = new DiscreteGaussian(numerator, denominator);
        double[] scaled = [.. Draw(distribution, "w", 0, Count / 4).Select(x => x / distribution.Deviation)];
        Statistics.KolmogorovSmirnov(scaled).ShouldBeLessThan(1.95);
        var (mean, variance, _, kurtosis) = Statistics.Moments(scaled);
        mean.ShouldBe(0, 4 / Math.Sqrt(scaled.Length));
        variance.ShouldBe(1, 4 * Math.Sqrt(2.0 / scaled.Length));
        kurtosis.ShouldBe(3, 4 * Math.Sqrt(24.0 / scaled.Length));
    }

    [Fact]
    public void Neighbours_do_not_tell_of_each_other()
    {
        double[] values = [.. Draw(new DiscreteGaussian(25), "w", 0, Count).Select(x => x / 5.0)];
        foreach (int lag in new[] { 1, 2, 63, 64, 65 })
        {
            Statistics.Autocorrelation(values, lag).ShouldBe(0, 4.5 / Math.Sqrt(Count), $"lag {lag}");
        }
    }

    [Fact]
    public void Any_run_is_the_same_integers_however_many_draws_the_others_took()
    {
        var distribution = new DiscreteGaussian(77, 8);
        long[] whole = Draw(distribution, "w", 0, 5000);
        Parallel.ForEach([(0, 1), (1, 63), (64, 64), (63, 66), (4999, 1), (1234, 3000)], run =>
            Draw(distribution, "w", run.Item1, run.Item2).ShouldBe(whole[run.Item1..(run.Item1 + run.Item2)]));
        Draw(distribution, "v", 0, 5000).ShouldNotBe(whole);
    }

    [Fact]
    public void The_chance_of_an_exponential_is_exact_also_beyond_one()
    {
        using NoiseStream.Reader reader = new NoiseStream(Keys.Fixed(3), "test", "flips").Open();
        foreach (var (numerator, denominator) in new[] { (0, 7), (1, 3), (7, 7), (10, 4), (9, 3) })
        {
            int yes = 0;
            for (int i = 0; i < Count; i++)
            {
                byte[] ready = new byte[64];
                UInt128 block = (((UInt128)(uint)numerator * 1000) + (uint)i) << 64;
                reader.Fill(block, ready);
                var bits = new RandomBits(reader, block, ready, new byte[64]);
                yes += bits.FlipExponential((UInt128)(uint)numerator, (UInt128)(uint)denominator) ? 1 : 0;
            }

            double chance = Math.Exp(-(double)numerator / denominator);
            ((double)yes / Count).ShouldBe(chance, (4 * Math.Sqrt(chance * (1 - chance) / Count)) + 1e-12, $"{numerator} / {denominator}");
        }
    }

    [Fact]
    public void A_sigma_is_rounded_up_never_down()
    {
        foreach (double deviation in new[] { 0.001, 0.5, 1, Math.PI, 1000.001, 32768 })
        {
            DiscreteGaussian.AtLeast(deviation).Deviation.ShouldBeGreaterThanOrEqualTo(deviation);
            DiscreteGaussian.AtLeast(deviation).Deviation.ShouldBeLessThan(deviation + (deviation < 0.01 ? 0.01 : 1e-4));
        }

        Should.Throw<ArgumentException>(() => DiscreteGaussian.AtLeast(32769));
        Should.Throw<ArgumentException>(() => DiscreteGaussian.AtLeast(0));
        Should.Throw<ArgumentException>(() => new DiscreteGaussian(0));
    }

    private static long[] Draw(DiscreteGaussian distribution, string tensor, long first, int count)
    {
        long[] values = new long[count];
        new DiscreteGaussianSampler(Keys.Fixed(5), tensor, distribution).Fill(first, values);
        return values;
    }
}
