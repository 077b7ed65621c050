using Tributary.Privacy.Accounting;

namespace Tributary.Privacy.Tests.Accounting;

/// <summary>The series against the integral that they are of: where one is too small, a budget is overspent and nobody is told.</summary>
public sealed class MomentTests
{
    /// <summary>The settings that dp_accounting checks by multi-precision integration (test_compute_log_a_equals_mp), and those near the ends of our orders.</summary>
    [Theory]
    [InlineData(1e-7, 0.1, 1.01)]
    [InlineData(1e-6, 0.1, 256)]
    [InlineData(1e-5, 0.1, 256.1)]
    [InlineData(1e-6, 1, 27)]
    [InlineData(1e-4, 1, 1.5)]
    [InlineData(1e-3, 1, 2)]
    [InlineData(0.01, 10, 20)]
    [InlineData(0.1, 100, 20.5)]
    [InlineData(0.99, 0.1, 256)]
    [InlineData(0.999, 100, 256.1)]
    [InlineData(0.01, 2.5, 1.5)]
    [InlineData(0.5, 1, 1.1)]
    [InlineData(0.3, 0.7, 1.2)]
    [InlineData(0.9, 3, 1.1)]
    [InlineData(0.2, 0.5, 10.9)]
    [InlineData(0.02, 1, 1024)]
    [InlineData(1e-4, 5, 1024)]
    public void The_series_are_the_integral(double rate, double multiplier, double order)
    {
        double integral = LogMoment(rate, multiplier, order);
        double series = SampledGaussianMoment.Log(rate, multiplier, order);
        (series / integral).ShouldBe(1, 1e-4, $"{series} and {integral}");
    }

    [Fact]
    public void A_divergence_too_small_for_the_series_of_its_order_is_bounded_from_above_and_never_zero()
    {
        // The divergence is about (q / s)^2 order / 2, of which a double that holds one and it keeps nothing.
        foreach (double order in new[] { 1.1, 1.5, 2.5, 10.9 })
        {
            double divergence = new SampledGaussianMechanism(50, 1e-9).RenyiDivergence(order);
            divergence.ShouldBeInRange(1e-18 / 2500 * order / 2 * 0.999, 1e-18 / 2500 * (order + 1) * 1.001);
        }
    }

    [Theory]
    [InlineData(-8, 2)]
    [InlineData(-1, 1.8427007929497148)]
    [InlineData(0, 1)]
    [InlineData(0.5, 0.4795001221869535)]
    [InlineData(1.9999999, 0.004677737047)]
    [InlineData(2, 0.004677734981047266)]
    [InlineData(5, 1.5374597944280349e-12)]
    public void The_error_function_is_exact_on_both_sides_of_where_its_method_changes(double x, double value) =>
        Math.Exp(LogSpace.LogErfc(x)).ShouldBe(value, value * 1e-9);

    [Fact]
    public void The_error_function_far_out_is_known_by_its_logarithm() => LogSpace.LogErfc(40).ShouldBe(-1604.2615566532722, 1e-9);

    /// <summary>
    /// log A by the trapezoidal rule, which for such integrands converges faster than any power. Since the mixture's density ratio 1 + w has the mean 1, A - 1 is the
    /// mean of (1 + w)^alpha - 1 - alpha w, which is never negative, so that nothing cancels.
    /// </summary>
    private static double LogMoment(double rate, double multiplier, double order)
    {
        double step = multiplier / 40;
        double log = double.NegativeInfinity;
        for (double z = -30 * multiplier; z < order + (40 * multiplier); z += step)
        {
            double exponent = ((2 * z) - 1) / (2 * multiplier * multiplier);
            double density = -(z * z / (2 * multiplier * multiplier)) - Math.Log(multiplier * Math.Sqrt(2 * Math.PI));
            log = LogSpace.Add(log, density + LogExcess(rate, exponent, order));
        }

        return LogSpace.Add(0, log + Math.Log(step));
    }

    /// <summary>log((1 + w)^alpha - 1 - alpha w), where 1 + w = 1 - q + q e^exponent.</summary>
    private static double LogExcess(double rate, double exponent, double order)
    {
        double logRatio = LogSpace.Add(LogSpace.Log1P(-rate), Math.Log(rate) + exponent);
        if (order * logRatio > 30)
        {
            double logLinear = LogSpace.Add(0, Math.Log(order * rate) + exponent);
            return LogSpace.Subtract(order * logRatio, Math.Min(logLinear, order * logRatio));
        }

        double growth = exponent == 0 ? 0 : Math.Sign(exponent) * Math.Exp(exponent > 0 ? LogSpace.LogExpM1(exponent) : exponent + LogSpace.LogExpM1(-exponent));
        double w = rate * growth;
        double excess = Math.Abs(w * order) < 1e-4 ? order * (order - 1) / 2 * w * w * (1 + ((order - 2) / 3 * w)) : Math.Pow(1 + w, order) - 1 - (order * w);
        return excess > 0 ? Math.Log(excess) : double.NegativeInfinity;
    }
}
