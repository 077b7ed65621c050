using Tributary.Federation.Jobs;
using Tributary.Federation.Rounds;

namespace Tributary.Privacy.Accounting;

/// <summary>
/// What a round of a job spends: a function of the signed job and the model's size alone, so server and sites come to the same, and whoever knows the job may know it.
/// </summary>
/// <param name="Mechanism">What is done.</param>
/// <param name="Uses">How often in a round.</param>
public sealed record RoundPrivacy(Mechanism Mechanism, long Uses)
{
    /// <summary>What a round of a job spends; null where it has no differential privacy.</summary>
    /// <param name="job">The job; it goes together (<see cref="Job.Refuse"/>).</param>
    /// <param name="dimension">The number of elements that are trained.</param>
    /// <exception cref="ArgumentException">The ring has no room for the noise.</exception>
    public static RoundPrivacy? Of(Job job, long dimension) => job.Privacy switch
    {
        null => null,
        { Unit: PrivacyUnit.Record, SamplingRate: var rate } privacy => new RoundPrivacy(Calibration.Gaussian(privacy.NoiseMultiplier, rate), Steps(job.Train.Epochs, rate ?? 1)),
        _ when job is { AddsNoiseAtSites: true, Precision.Ring: not null } => new RoundPrivacy(RingNoise.Of(job, dimension).Mechanism, 1),
        { } privacy => new RoundPrivacy(new GaussianMechanism(privacy.NoiseMultiplier), 1),
    };

    /// <summary>Epsilon after so many rounds.</summary>
    public double EpsilonAfter(int rounds, double delta) => RenyiCurve.Of(Mechanism).Times(Uses * rounds).Epsilon(delta);

    /// <summary>How many sites a round of a job is for.</summary>
    public static int SitesOf(Job job) => SiteDraw.Of(job, 1).Count;

    private static long Steps(int epochs, double rate) => (long)Math.Ceiling(epochs / rate);
}
