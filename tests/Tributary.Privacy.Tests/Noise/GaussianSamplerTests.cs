using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Tributary.Privacy.Noise;

namespace Tributary.Privacy.Tests.Noise;

/// <summary>Noise that is not what the accountant counts with protects nobody, and no other test would tell.</summary>
public sealed class GaussianSamplerTests
{
    private const int Count = 1 << 20;

    private static readonly double[] Values = Make(Keys.Fixed(7), "model.layers.0.mlp.up_proj.weight", 0, Count);

    [Fact]
    public void Moments_are_those_of_the_standard_normal_distribution()
    {
        var (mean, variance, skewness, kurtosis) = Statistics.Moments(Values);
        // Four standard errors each.
        mean.ShouldBe(0, 4 / Math.Sqrt(Count));
        variance.ShouldBe(1, 4 * Math.Sqrt(2.0 / Count));
        skewness.ShouldBe(0, 4 * Math.Sqrt(6.0 / Count));
        kurtosis.ShouldBe(3, 4 * Math.Sqrt(24.0 / Count));
    }

    [Fact]
    public void The_whole_distribution_is_normal() => Statistics.KolmogorovSmirnov(Values).ShouldBeLessThan(1.95);

    [Theory]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(4.5)]
    public void Tails_are_as_heavy_as_they_should_be(double from)
    {
        double expected = Count * 2 * Statistics.Normal(-from);
        Values.Count(value => Math.Abs(value) > from).ShouldBeInRange((int)(expected - (4 * Math.Sqrt(expected)) - 1), (int)(expected + (4 * Math.Sqrt(expected)) + 1));
    }

    [Fact]
    public void No_element_tells_of_another()
    {
        // Neighbours, the two numbers of a pair, those of other groups; and their squares, which a bad transform links.
        double[] squares = [.. Values.Select(value => ((value * value) - 1) / Math.Sqrt(2))];
        foreach (int lag in new[] { 1, 2, 3, 511, 512, 513, 1024, 8192, 65536 })
        {
            Statistics.Autocorrelation(Values, lag).ShouldBe(0, 4.5 / Math.Sqrt(Count), $"lag {lag}");
            Statistics.Autocorrelation(squares, lag).ShouldBe(0, 4.5 / Math.Sqrt(Count), $"squares, lag {lag}");
        }
    }

    [Fact]
    public void Any_run_is_the_same_numbers_whatever_is_read_with_it()
    {
        var sampler = new GaussianSampler(Keys.Fixed(7), "model.layers.0.mlp.up_proj.weight");
        Parallel.ForEach([(0, 1), (1, 1), (511, 2), (1023, 2), (1024, 8192), (5000, 20_000), (Count - 3, 3), (700_001, 4095)], run =>
        {
            double[] part = new double[run.Item2];
            sampler.Fill(run.Item1, part);
            part.ShouldBe(Values[run.Item1..(run.Item1 + run.Item2)]);
        });
    }

    [Fact]
    public void The_bits_are_the_same_however_often_the_code_has_run()
    {
        // The runtime compiles code again when it is used much, and a library's functions may then round otherwise; a message that is read twice would differ.
        var sampler = new GaussianSampler(Keys.Fixed(7), "model.layers.0.mlp.up_proj.weight");
        double[] part = new double[8192];
        for (int run = 0; run < 300; run++)
        {
            sampler.Fill(run * 1000L, part);
            part.AsSpan().SequenceEqual(Values.AsSpan(run * 1000, part.Length)).ShouldBeTrue($"run {run}");
        }
    }

    [Fact]
    public void Bits_are_the_same_on_any_machine() =>
        Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(Values.AsSpan()))).ShouldBe("a84749abb61d50f4ed678fd682e15eca7f59069225e660273c0d94ea2a2e7e46");

    [Fact]
    public void Logarithm_and_sines_are_those_of_the_library_within_a_few_units_of_the_last_place()
    {
        const int Points = 4096;
        double[] uniforms = [.. Enumerable.Range(0, Points).Select(i => i < 64 ? Math.ScaleB(1, -i) : Math.Pow((i + 0.5) / Points, 1 + (i % 7)))];
        double[] quarters = [.. Enumerable.Range(0, Points).Select(i => i < 40 ? i / 10.0 : 4.0 * ((i * 7919L) % Points) / Points)];
        (double[] first, double[] second) = (new double[Points], new double[Points]);
        BoxMuller.Transform(uniforms, quarters, first, second);
        for (int i = 0; i < Points; i++)
        {
            double radius = Math.Sqrt(-2 * Math.Log(uniforms[i]));
            (double sine, double cosine) = Math.SinCos(quarters[i] * (Math.PI / 2));
            first[i].ShouldBe(radius * cosine, 1e-15 * (1 + radius));
            second[i].ShouldBe(radius * sine, 1e-15 * (1 + radius));
        }
    }

    [Fact]
    public void Elements_beyond_two_to_the_32nd_have_noise_of_their_own()
    {
        double[] far = Make(Keys.Fixed(7), "model.layers.0.mlp.up_proj.weight", 1L << 40, 1024);
        far.ShouldNotBe(Values[..1024]);
        Statistics.KolmogorovSmirnov(far).ShouldBeLessThan(1.95);
    }

    [Fact]
    public void Tensors_and_rounds_share_no_noise()
    {
        double[] other = Make(Keys.Fixed(7), "norm", 0, Count);
        double[] later = Make(Keys.Fixed(8), "model.layers.0.mlp.up_proj.weight", 0, Count);
        foreach (double[] noise in new[] { other, later })
        {
            noise.Zip(Values, (a, b) => a * b).Average().ShouldBe(0, 4 / Math.Sqrt(Count));
        }
    }

    private static double[] Make(NoiseKey key, string tensor, long first, int count)
    {
        double[] values = new double[count];
        new GaussianSampler(key, tensor).Fill(first, values);
        return values;
    }
}
