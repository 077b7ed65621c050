using FsCheck;
using FsCheck.Fluent;
using Tributary.Privacy.Accounting;

namespace Tributary.Privacy.Tests.Accounting;

/// <summary>What users rely on when they plan: more noise, fewer rounds and smaller samples never cost more, and what is planned is what may run.</summary>
public sealed class AccountantTests
{
    [Theory]
    [InlineData(0.5, 1)]
    [InlineData(1, 1)]
    [InlineData(1, 100)]
    [InlineData(5, 10)]
    [InlineData(20, 1000)]
    [InlineData(300, 1)]
    public void Epsilon_is_an_upper_bound_of_the_exact_one_and_near_it(double multiplier, long rounds)
    {
        // Without sampling, many rounds are one with less noise, whose delta is known exactly (Balle and Wang 2018, https://arxiv.org/abs/1805.06530, theorem 8).
        foreach (double delta in new[] { 1e-3, 1e-5, 1e-9 })
        {
            double mean = Math.Sqrt(rounds) / multiplier;
            double epsilon = RenyiCurve.Of(new GaussianMechanism(multiplier)).Times(rounds).Epsilon(delta);
            ExactDelta(epsilon, mean).ShouldBeLessThanOrEqualTo(delta);
            if (epsilon > 0.1)
            {
                ExactDelta(epsilon * 0.8, mean).ShouldBeGreaterThan(delta, $"epsilon {epsilon} is far from tight");
            }
        }
    }

    [Fact]
    public void More_noise_fewer_rounds_and_smaller_samples_never_cost_more()
    {
        var setting =
            from multiplier in Gen.Choose(30, 1000)
            from rate in Gen.Choose(1, 100)
            from rounds in Gen.Choose(1, 5000)
            select (Multiplier: multiplier / 100.0, Rate: rate / 100.0, Rounds: (long)rounds);
        Prop.ForAll(setting.ToArbitrary(), s =>
        {
            double Epsilon(double multiplier, double rate, long rounds) => RenyiCurve.Of(Calibration.Gaussian(multiplier, rate)).Times(rounds).Epsilon(1e-5);
            double epsilon = Epsilon(s.Multiplier, s.Rate, s.Rounds);
            Epsilon(s.Multiplier * 1.1, s.Rate, s.Rounds).ShouldBeLessThanOrEqualTo(epsilon);
            Epsilon(s.Multiplier, s.Rate, s.Rounds + 1).ShouldBeGreaterThanOrEqualTo(epsilon);
            Epsilon(s.Multiplier, s.Rate * 0.9, s.Rounds).ShouldBeLessThanOrEqualTo(epsilon);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(40));
    }

    [Theory]
    [InlineData(1, 1e-5, 1, null)]
    [InlineData(8, 1e-6, 50, null)]
    [InlineData(0.1, 1e-7, 1000, 0.01)]
    [InlineData(1e-3, 1e-3, 1, null)]
    [InlineData(200, 1e-5, 3, 0.5)]
    public void The_noise_that_is_chosen_keeps_the_budget_and_a_little_less_would_not(double epsilon, double delta, long rounds, double? rate)
    {
        double chosen = Calibration.NoiseMultiplierFor(new PrivacyBudget(epsilon, delta), rounds, rate);
        double Epsilon(double multiplier) => RenyiCurve.Of(Calibration.Gaussian(multiplier, rate)).Times(rounds).Epsilon(delta);
        Epsilon(chosen).ShouldBeLessThanOrEqualTo(epsilon);
        Epsilon(chosen * (1 - 1e-5)).ShouldBeGreaterThan(epsilon);
    }

    [Theory]
    [InlineData(1.1, 0.02, 3)]
    [InlineData(5, null, 2)]
    [InlineData(0.8, null, 1)]
    [InlineData(40, 0.001, 0.5)]
    public void The_rounds_that_a_budget_is_good_for_fit_and_one_more_does_not(double multiplier, double? rate, double epsilon)
    {
        Mechanism mechanism = Calibration.Gaussian(multiplier, rate);
        var budget = new PrivacyBudget(epsilon, 1e-5);
        long rounds = Calibration.RoundsFor(mechanism, budget);
        RenyiCurve round = RenyiCurve.Of(mechanism);
        if (rounds > 0)
        {
            round.Times(rounds).Epsilon(1e-5).ShouldBeLessThanOrEqualTo(epsilon);
        }

        round.Times(rounds + 1).Epsilon(1e-5).ShouldBeGreaterThan(epsilon);
    }

    [Fact]
    public void A_budget_without_an_end_is_good_for_any_number_of_rounds() =>
        Calibration.RoundsFor(new GaussianMechanism(1), new PrivacyBudget(double.PositiveInfinity, 1e-5)).ShouldBe(long.MaxValue);

    [Fact]
    public void Nothing_spent_is_epsilon_zero_and_absurdly_little_noise_is_an_absurd_epsilon_not_an_error()
    {
        RenyiCurve.Zero.Epsilon(1e-5).ShouldBe(0);
        RenyiCurve.Of(new SampledGaussianMechanism(0.001, 0.5)).Epsilon(1e-5).ShouldBeGreaterThan(1e5);
    }

    [Theory]
    [InlineData(0, 0.5)]
    [InlineData(double.NaN, 0.5)]
    [InlineData(double.PositiveInfinity, 0.5)]
    [InlineData(1, 0)]
    [InlineData(1, 1)]
    [InlineData(1, double.NaN)]
    public void Numbers_that_mean_nothing_are_refused(double multiplier, double rate) =>
        Should.Throw<ArgumentException>(() => new SampledGaussianMechanism(multiplier, rate));

    private static double ExactDelta(double epsilon, double mean)
    {
        double LogTail(double x) => LogSpace.LogErfc(x / Math.Sqrt(2)) - Math.Log(2);
        double first = LogTail((epsilon / mean) - (mean / 2));
        double second = epsilon + LogTail((epsilon / mean) + (mean / 2));
        return Math.Exp(LogSpace.Subtract(first, second));
    }
}
