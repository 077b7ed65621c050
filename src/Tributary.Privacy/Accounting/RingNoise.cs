using Tributary.Federation.Jobs;
using Tributary.Privacy.Noise;
using Tributary.Privacy.Rings;

namespace Tributary.Privacy.Accounting;

/// <summary>
/// The grid and the noise of sites that add discrete Gaussian noise to integers of a ring: each as much as makes the sum of those that survive at the threshold private for each of them, who knows its own part, its size taken for what a
/// contribution's norm can be after rounding. Kairouz, Liu and Steinke 2021, https://arxiv.org/abs/2102.06387.
/// </summary>
/// <param name="Grid">The ring, with room for the noise of all sites.</param>
/// <param name="Mechanism">What it comes to; its deviation is each site's, in steps of the grid.</param>
public sealed record RingNoise(RingGrid Grid, DistributedDiscreteGaussian Mechanism)
{
    // A sum that goes around is nonsense in that element: beyond 8 deviations with a probability of 1e-15.
    private const double Tail = 8;

    /// <summary>The grid and the noise of a job whose sites add noise to integers.</summary>
    /// <exception cref="ArgumentException">The ring has no room for the noise.</exception>
    public static RingNoise Of(Job job, long dimension)
    {
        (JobPrivacy privacy, JobRing ring) = (job.Privacy!, job.Precision.Ring!);
        int sites = RoundPrivacy.SitesOf(job);
        // Whoever looks at the sum may be one of its sites, and knows the noise that it added itself.
        int parties = job.SecureAggregation is { } secure ? SecureAggregation.AggregationRound.ThresholdOf(sites, secure.MinCohort) - 1 : 1;
        double half = JobRing.SitesMax(ring.Bits);
        double tails = Tail * privacy.NoiseMultiplier * Math.Sqrt((double)sites / parties);
        // The room that sums and noise take, and the grid that the largest noise allows.
        double room = 1 - (tails * Math.Sqrt(dimension) / half);
        double shares = (sites + tails) / room;
        double most = (DiscreteGaussian.DeviationMax * 0.99 * Math.Sqrt(parties) / privacy.NoiseMultiplier) - Math.Sqrt(dimension);
        shares = Math.Max(shares, half / most);
        if (room <= 0 || most <= 0 || shares > half / 2)
        {
            throw new ArgumentException($"The noise of {sites} sites on {dimension} elements does not fit into a ring of {ring.Bits} bits; take more bits ('precision: {{ ring: ... }}'), or less noise.");
        }

        var grid = new RingGrid(privacy.Clip, ring.Bits, (int)Math.Ceiling(shares));
        double sensitivity = DistributedDiscreteGaussian.SensitivityAfterRounding(privacy.Clip / grid.Step, dimension);
        double deviation = Math.Max(0.5, privacy.NoiseMultiplier * sensitivity / Math.Sqrt(parties));
        return new RingNoise(grid, new DistributedDiscreteGaussian(deviation, parties, dimension, sensitivity));
    }
}
