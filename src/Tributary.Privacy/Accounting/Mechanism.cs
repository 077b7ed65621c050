using System.Text.Json.Serialization;

namespace Tributary.Privacy.Accounting;

/// <summary>
/// A randomized release, as the accountant sees it: for each order, a bound on the Renyi divergence between its outcomes with and without one unit (a record,
/// or a site). Two mechanisms are equal when all of their numbers are.
/// </summary>
/// <remarks>
/// Renyi differential privacy: Mironov 2017, https://arxiv.org/abs/1702.07476. Neighbours differ by one unit being there or not, so the sensitivity is the bound
/// on one unit's contribution.
/// </remarks>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(GaussianMechanism), "gaussian")]
[JsonDerivedType(typeof(SampledGaussianMechanism), "poisson-sampled-gaussian")]
[JsonDerivedType(typeof(DistributedDiscreteGaussian), "distributed-discrete-gaussian")]
public abstract record Mechanism
{
    /// <summary>A bound on the Renyi divergence of that order, in nats, from 0 to infinity.</summary>
    /// <param name="order">The order, above 1.</param>
    public abstract double RenyiDivergence(double order);

    private protected static double Positive(double value, string name) =>
        value > 0 && double.IsFinite(value) ? value : throw new ArgumentException($"The {name} is {value}, but should be a number above 0.");
}

/// <summary>
/// Gaussian noise on a sum to which every unit contributes at most a norm of 1: alpha / (2 z^2) (Mironov 2017, corollary 3).
/// </summary>
/// <param name="NoiseMultiplier">z, the noise's standard deviation over the bound on one unit's contribution, above 0.</param>
public sealed record GaussianMechanism(double NoiseMultiplier) : Mechanism
{
    /// <summary>The noise's standard deviation over the bound on one unit's contribution.</summary>
    public double NoiseMultiplier { get; } = Positive(NoiseMultiplier, "noise multiplier");

    /// <inheritdoc/>
    public override double RenyiDivergence(double order) => order / (2 * NoiseMultiplier * NoiseMultiplier);

    /// <inheritdoc/>
    public override string ToString() => $"Gaussian noise of multiplier {NoiseMultiplier}";
}

/// <summary>
/// Gaussian noise on the sum of a Poisson sample: each unit is in it with the same probability, by a coin of its own. Batches of a fixed size, or shuffled
/// epochs, are no such sample, and this is not a bound on theirs. See <see cref="SampledGaussianMoment"/>.
/// </summary>
/// <param name="NoiseMultiplier">z, the noise's standard deviation over the bound on one unit's contribution, above 0.</param>
/// <param name="SamplingRate">q, each unit's probability of being in the sample, above 0 and below 1.</param>
public sealed record SampledGaussianMechanism(double NoiseMultiplier, double SamplingRate) : Mechanism
{
    /// <summary>The noise's standard deviation over the bound on one unit's contribution.</summary>
    public double NoiseMultiplier { get; } = Positive(NoiseMultiplier, "noise multiplier");

    /// <summary>Each unit's probability of being in the sample.</summary>
    public double SamplingRate { get; } = SamplingRate is > 0 and < 1
        ? SamplingRate
        : throw new ArgumentException($"The sampling rate is {SamplingRate}, but should be above 0 and below 1; without sampling it is a {nameof(GaussianMechanism)}.");

    /// <inheritdoc/>
    public override double RenyiDivergence(double order) => SampledGaussianMoment.Log(SamplingRate, NoiseMultiplier, order) / (order - 1);

    /// <inheritdoc/>
    public override string ToString() => $"Gaussian noise of multiplier {NoiseMultiplier} on Poisson samples of rate {SamplingRate}";
}
