using Tributary.Privacy.Accounting;

namespace Tributary.Privacy.Tests.Accounting;

/// <summary>
/// What other accountants and papers say of the same settings. If one of these fails, a hospital that compares our epsilon with another's is told something else.
/// docs/PRIVACY.md has the same settings in a table.
/// </summary>
public sealed class PublishedValuesTests
{
    private const double OnePercent = 0.01;

    /// <summary>Values by the conversion that we use. Rate 1: without sampling.</summary>
    [Theory]

    // Opacus, opacus/tests/accountants_test.py, test_rdp_accountant: 90 / 0.04 steps.
    [InlineData(1.5, 0.04, 2250, 1e-5, 7.32911117143)]

    // TF Privacy, analysis/compute_dp_sgd_privacy_test.py, Test0: 60000 examples, batches of 150, 15 epochs.
    [InlineData(1.3, 150.0 / 60000, 6000, 1e-5, 0.7242234026)]

    // The same file, Test1: 100000 examples, batches of 100, 30 epochs.
    [InlineData(1.0, 100.0 / 100000, 30000, 1e-7, 1.4154988495)]

    // The same file, test_compute_dp_sgd_example_privacy, RDP: 1.2 epochs, rounded up to whole uses; microbatches double the sensitivity.
    [InlineData(0.7, 1, 2, 1e-5, 10.8602036)]
    [InlineData(0.35, 1, 2, 1e-5, 26.2880374)]
    [InlineData(0.7, 0.01, 120, 1e-5, 3.2392676)]
    [InlineData(0.35, 0.01, 120, 1e-5, 22.6248601)]

    // The same file, test_dp_sgd_privacy_statement_no_user_dp_with_rdp: 10000 examples, batches of 64, 5 epochs, noise 2.0 with microbatches.
    [InlineData(1.0, 1, 5, 1e-6, 13.376)]
    [InlineData(1.0, 0.0064, 782, 1e-6, 1.616)]

    // dp_accounting, rdp/rdp_privacy_accountant_test.py, test_compute_epsilon_delta_gaussian: the noise at which epsilon is 1.
    [InlineData(4.530877117, 1, 1, 1e-6, 1.0)]
    public void Epsilon_is_what_other_accountants_say(double multiplier, double rate, long steps, double delta, double published) =>
        RenyiCurve.Of(Calibration.Gaussian(multiplier, rate)).Times(steps).Epsilon(delta).ShouldBe(published, published * OnePercent);

    /// <summary>
    /// Values from before the improved conversion, computed here by the older one (Mironov 2017, proposition 3: r - log(delta) / (alpha - 1)) over the orders of
    /// their source.
    /// </summary>
    [Theory]

    // TF Privacy, tutorials/README.md, table of the MNIST tutorial: 60000 examples, batches of 256; 15, 60 and 45 epochs.
    [InlineData(1.3, 256.0 / 60000, 3516, 1e-5, 1.19)]
    [InlineData(1.1, 256.0 / 60000, 14063, 1e-5, 3.01)]
    [InlineData(0.7, 256.0 / 60000, 10547, 1e-5, 7.10)]

    // TF Privacy, analysis/compute_noise_from_budget_test.py, Test0 and Test1.
    [InlineData(1.3, 150.0 / 60000, 6000, 1e-5, 0.941870567)]
    [InlineData(1.0, 100.0 / 100000, 30000, 1e-7, 1.70928734)]

    // TF Privacy, issue 97: 15000 sequences, batches of 250, 15 epochs, at order 10.
    [InlineData(1.3, 250.0 / 15000, 900, 1e-5, 2.4614490035755816)]

    // TF Privacy, analysis/compute_dp_sgd_privacy.py, the example in its description: 60000 examples, batches of 256, 60 epochs.
    [InlineData(1.12, 256.0 / 60000, 14063, 1e-5, 2.92)]

    // Bu, Dong, Long and Su 2020, Deep Learning with Gaussian Differential Privacy, figure 4: the moments accountant after 20 and 70 epochs of MNIST.
    [InlineData(1.3, 256.0 / 60000, 4688, 1e-5, 1.34)]
    [InlineData(0.7, 256.0 / 60000, 16407, 1e-5, 8.68)]
    public void Epsilon_by_the_older_conversion_is_what_was_published_with_it(double multiplier, double rate, long steps, double delta, double published)
    {
        // The orders of TF Privacy's script at that time.
        double[] orders = [1.25, 1.5, 1.75, 2, 2.25, 2.5, 3, 3.5, 4, 4.5, .. Enumerable.Range(5, 59), 128, 256, 512];
        OlderEpsilon(orders, delta, order => steps * new SampledGaussianMechanism(multiplier, rate).RenyiDivergence(order)).ShouldBe(published, published * OnePercent);
    }

    [Fact]
    public void Noise_that_hides_nothing_has_the_epsilon_in_millions_that_TF_Privacy_says()
    {
        // analysis/compute_dp_sgd_privacy_test.py, Test2: 100000000 examples, batches of 1024, 10 epochs, at order 1.25. Lower orders, which that test does not try, say less.
        double divergence = 976563 * new SampledGaussianMechanism(0.1, 1024e-8).RenyiDivergence(1.25);
        (divergence + Math.Log(0.2) - (Math.Log(1e-7 * 1.25) / 0.25)).ShouldBe(5907982.3113978775, 5907982 * OnePercent);
    }

    [Fact]
    public void Three_orders_alone_give_what_Opacus_documents()
    {
        // opacus/scripts/compute_dp_sgd_privacy.py: --dataset-size=60000 --batch-size=256 --noise_multiplier=1.12 --epochs=60 --delta=1e-5 --a 10 20 100.
        OlderEpsilon([10, 20, 100], 1e-5, order => 14063 * new SampledGaussianMechanism(1.12, 256.0 / 60000).RenyiDivergence(order)).ShouldBe(2.95, 2.95 * OnePercent);
    }

    [Fact]
    public void Two_trainings_after_another_spend_what_TF_Privacy_says()
    {
        // TF Privacy, analysis/rdp_accountant_test.py, test_check_composition: 8.509656 at order 2.5, by the older conversion.
        var (first, second) = (new SampledGaussianMechanism(0.4, 1e-4), new SampledGaussianMechanism(2, 0.1));
        double Spent(double order) => (40000 * first.RenyiDivergence(order)) + (100 * second.RenyiDivergence(order));
        OlderEpsilon([1.25, 1.5, 1.75, 2, 2.5, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 64, 256], 1e-5, Spent).ShouldBe(8.509656, 1e-4);
    }

    /// <summary>
    /// dp_accounting, rdp/rdp_privacy_accountant_test.py, test_compute_rdp_poisson_sampled_gaussian: 50 steps of rate 0.01 and noise 2.5. At order 1.5 it says 6.706e-4, since it
    /// adds terms of the series that are to be subtracted, an upper bound; the value here is TF Privacy's, analysis/rdp_accountant_test.py, test_compute_rdp_sequence, which
    /// <see cref="MomentTests"/> confirms by integration.
    /// </summary>
    [Theory]
    [InlineData(1.5, 6.50e-04)]
    [InlineData(2.5, 1.08548710e-03)]
    [InlineData(5, 2.18075656e-03)]
    [InlineData(50, 2.38460375e-02)]
    [InlineData(100, 1.67416308e02)]
    public void Divergences_are_those_of_dp_accounting(double order, double published) =>
        (50 * new SampledGaussianMechanism(2.5, 0.01).RenyiDivergence(order)).ShouldBe(published, published * 2e-4);

    [Fact]
    public void A_divergence_of_rate_one_tenth_is_that_of_TF_Privacy() =>
        (10 * new SampledGaussianMechanism(2, 0.1).RenyiDivergence(5)).ShouldBe(0.07737, 5e-6, "analysis/rdp_accountant_test.py, test_compute_rdp_scalar");

    /// <summary>Opacus, opacus/tests/accountants_test.py: get_noise_multiplier for epsilon 8, which stops within 0.01 of epsilon.</summary>
    [Theory]
    [InlineData(2250, 1.416)]
    [InlineData(2000, 1.3562)]
    public void The_noise_for_a_budget_is_what_Opacus_chooses(long steps, double published) =>
        Calibration.NoiseMultiplierFor(new PrivacyBudget(8, 1e-5), steps, 0.04).ShouldBe(published, published * OnePercent);

    private static double OlderEpsilon(double[] orders, double delta, Func<double, double> divergence) => orders.Min(order => divergence(order) - (Math.Log(delta) / (order - 1)));
}
