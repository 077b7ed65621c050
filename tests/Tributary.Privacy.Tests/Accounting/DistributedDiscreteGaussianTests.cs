using Tributary.Privacy.Accounting;

namespace Tributary.Privacy.Tests.Accounting;

/// <summary>The bound against the divergence itself, which one element is small enough to compute: a bound below it would promise what is not so.</summary>
public sealed class DistributedDiscreteGaussianTests
{
    [Theory]
    [InlineData(0.5, 1, 1)]
    [InlineData(0.5, 2, 1)]
    [InlineData(0.6, 5, 2)]
    [InlineData(1, 3, 1)]
    [InlineData(2, 4, 3)]
    [InlineData(6, 2, 5)]
    public void The_divergence_of_a_sum_of_discrete_Gaussians_is_within_its_bound(double deviation, int parties, int shift)
    {
        double[] sum = Sum(deviation, parties);
        var mechanism = new DistributedDiscreteGaussian(deviation, parties, 1, shift);
        foreach (double order in new[] { 1.1, 2, 3.5, 8 })
        {
            double exact = Divergence(sum, shift, order);
            mechanism.RenyiDivergence(order).ShouldBeGreaterThanOrEqualTo(exact * (1 - 1e-9));
            if (deviation >= 1)
            {
                mechanism.RenyiDivergence(order).ShouldBeLessThan(exact * 1.02, "the bound is near what it bounds, so no noise is wasted");
            }
        }
    }

    [Fact]
    public void Wide_noise_of_many_parties_costs_what_the_Gaussian_mechanism_does()
    {
        // The paper's claim: with a fine enough grid the sum is as good as central noise.
        double central = RenyiCurve.Of(new GaussianMechanism(Math.Sqrt(100) * 5 / 40)).Epsilon(1e-5);
        RenyiCurve.Of(new DistributedDiscreteGaussian(5, 100, 1 << 20, 40)).Epsilon(1e-5).ShouldBe(central, central * 1e-6);
    }

    [Fact]
    public void Rounding_is_in_the_sensitivity()
    {
        DistributedDiscreteGaussian.SensitivityAfterRounding(100, 10_000).ShouldBe(200);
        double conditional = DistributedDiscreteGaussian.SensitivityAfterRounding(100, 10_000, Math.Exp(-0.5));
        conditional.ShouldBe(Math.Sqrt(10_000 + 2_500 + 150), 1e-9);
    }

    [Theory]
    [InlineData(0.4, 2, 1, 1)]
    [InlineData(1, 0, 1, 1)]
    [InlineData(1, 2, 0, 1)]
    [InlineData(1, 2, 1, 0)]
    public void Numbers_that_the_bound_does_not_hold_for_are_refused(double deviation, int parties, long dimension, double sensitivity) =>
        Should.Throw<ArgumentException>(() => new DistributedDiscreteGaussian(deviation, parties, dimension, sensitivity));

    /// <summary>The probabilities of the sum, by convolution; its middle is 0.</summary>
    private static double[] Sum(double deviation, int parties)
    {
        int reach = (int)Math.Ceiling(30 * deviation);
        double[] one = [.. Enumerable.Range(-reach, (2 * reach) + 1).Select(x => Math.Exp(-(double)x * x / (2 * deviation * deviation)))];
        double total = one.Sum();
        one = [.. one.Select(weight => weight / total)];
        double[] sum = one;
        for (int party = 1; party < parties; party++)
        {
            double[] next = new double[sum.Length + one.Length - 1];
            for (int i = 0; i < sum.Length; i++)
            {
                for (int j = 0; j < one.Length; j++)
                {
                    next[i + j] += sum[i] * one[j];
                }
            }

            sum = next;
        }

        return sum;
    }

    private static double Divergence(double[] sum, int shift, double order)
    {
        // Where both are so improbable that a double hardly holds them, they add nothing.
        double moment = 0;
        for (int i = shift; i < sum.Length; i++)
        {
            if (sum[i] > 1e-280 && sum[i - shift] > 1e-280)
            {
                moment += Math.Exp((order * Math.Log(sum[i - shift])) + ((1 - order) * Math.Log(sum[i])));
            }
        }

        return Math.Log(moment) / (order - 1);
    }
}
