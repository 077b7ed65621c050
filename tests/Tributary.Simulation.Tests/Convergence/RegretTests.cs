using Tributary.Federation.Jobs;
using Tributary.Simulation.Convergence;

namespace Tributary.Simulation.Tests.Convergence;

/// <summary>Whether a precision is good enough is told by these figures: wrong ones send users' models into too few bits.</summary>
public sealed class RegretTests
{
    [Fact]
    public void Regret_is_the_share_of_what_the_reference_learnt_that_is_missing()
    {
        ConvergenceRun reference = Run("fp32", 1, 5, 3, 4);
        Regret.Of(Run("a", 1, 6, 3), reference).ShouldBe(0, 1e-12);
        Regret.Of(Run("a", 1, 4, 3.5), reference).ShouldBe(0.25, 1e-12);
        Regret.Of(Run("a", 1, 5), reference).ShouldBe(1, 1e-12);
        Regret.Of(Run("a", 1, 5, 2.8), reference).ShouldBe(-0.1, 1e-12);
    }

    [Fact]
    public void The_interval_is_Students_t_over_the_pairs_of_seeds()
    {
        // t(0.975, 2) = 4.302653; regrets 0.1, 0.2, 0.3: standard deviation 0.1.
        ConvergenceRun[] reference = [Run("fp32", 1, 5, 3), Run("fp32", 2, 6, 4), Run("fp32", 3, 7, 5)];
        var regret = Regret.Of([Run("a", 3, 7, 5.6), Run("a", 1, 5, 3.2), Run("a", 2, 6, 4.4)], reference);
        regret.Mean.ShouldBe(0.2, 1e-12);
        regret.HalfWidth.ShouldBe(4.302653 * 0.1 / Math.Sqrt(3), 1e-6);
        regret.Upper.ShouldBe(regret.Mean + regret.HalfWidth);
    }

    [Fact]
    public void One_seed_is_no_sample() => Should.Throw<ArgumentException>(() => Regret.Of([Run("a", 1, 5, 4)], [Run("fp32", 1, 5, 3)]));

    [Fact]
    public void A_run_without_a_pair_is_not_compared_with_another_seeds() =>
        Should.Throw<ArgumentException>(() => Regret.Of([Run("a", 1, 5, 4), Run("a", 2, 5, 4)], [Run("fp32", 1, 5, 3), Run("fp32", 3, 5, 3)])).Message.ShouldContain("seed 2");

    [Theory]
    [InlineData(3.05, 3.051, null, null, true)]
    [InlineData(3.2, 3.21, null, null, false)]
    [InlineData(3.0, 3.2, null, null, false)]
    [InlineData(3.15, 3.21, 0.1, null, true)]
    [InlineData(3.15, 3.3, 0.1, null, false)]
    [InlineData(3.0, 3.0, null, 0.05, false)]
    [InlineData(3.0, 3.0, null, 0.2, true)]
    public void A_setting_holds_what_it_is_held_to_or_says_why_not(double first, double second, double? meanMax, double? bytesMax, bool passes)
    {
        ConvergenceSpec spec = Spec(Setting("fp32"), Setting("a") with { Against = "fp32", MeanRegretMax = meanMax, BytesMax = bytesMax });
        var report = ConvergenceReport.Of(spec, [Run("fp32", 1, 5, 3), Run("fp32", 2, 5, 3), Run("a", 1, 5, first), Run("a", 2, 5, second)], "model", default);
        report.Settings[1].Passes.ShouldBe(passes);
        report.Settings[1].Failures.Count.ShouldBe(passes ? 0 : 1);
        report.Passes.ShouldBe(passes);
        report.Settings[1].ByteShare.ShouldBe(0.1);
        report.Settings[0].Passes.ShouldBeNull();
    }

    [Fact]
    public void A_reference_that_learns_hardly_anything_is_refused_since_comparing_with_it_shows_nothing()
    {
        ConvergenceSpec spec = Spec(Setting("fp32"), Setting("a") with { Against = "fp32" });
        ConvergenceRun[] runs = [Run("fp32", 1, 5, 4.2), Run("fp32", 2, 5, 4.1), Run("a", 1, 5, 4.2), Run("a", 2, 5, 4.1)];
        Should.Throw<UsageException>(() => ConvergenceReport.Of(spec, runs, "model", default)).Message.ShouldContain("'fp32' improves the held-out loss by 0.850 nats");
    }

    private static ConvergenceRun Run(string setting, ulong seed, params double[] losses) => new(setting, seed, losses, 10, 1, 100, 1);

    private static ConvergenceSpec Spec(params ConvergenceSetting[] settings) => new() { Name = "test", Seeds = [1, 2], Settings = settings };

    private static ConvergenceSetting Setting(string name) => new()
    {
        Name = name,
        File = new JobFile { Job = new Job { Name = "convergence", Sites = ["a"] }, Model = null, Sites = [] },
    };
}
