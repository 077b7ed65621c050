using Tributary.Federation.Workflows;

namespace Tributary.Federation.Jobs;

/// <summary>
/// Results as integers of a ring that all sites share, so that sums of them are exact, also of masked ones: values are rounded by chance to a grid from -range to range and travel in k bits.
/// </summary>
/// <param name="Bits">k, for the value and the number of sites together, from 4 to 32.</param>
/// <param name="Range">The largest absolute value of the first round; later ones go by the last global change. Null for <see cref="RangeUsual"/>.</param>
public sealed record JobRing(int Bits, double? Range = null)
{
    /// <summary>The least k.</summary>
    public const int BitsMin = 4;

    /// <summary>The largest k.</summary>
    public const int BitsMax = 32;

    /// <summary>The bits where a job does not say.</summary>
    public const int BitsUsual = 16;

    /// <summary>The first round's range where a job does not say.</summary>
    public const double RangeUsual = 0.1;

    /// <summary>The largest number of sites in a sum, so that each has a value beside 0.</summary>
    public static int SitesMax(int bits) => (int)Math.Min(int.MaxValue, (1L << (bits - 1)) - 1);
}

/// <summary>Sums that the server learns without learning what is in them.</summary>
/// <param name="MinCohort">The fewest sites whose sum may become known, from 3.</param>
public sealed record JobSecureAggregation(int MinCohort = JobSecureAggregation.MinCohortUsual)
{
    /// <summary>The fewest sites of a sum: of two, each would learn the other's values.</summary>
    public const int MinCohortUsual = 3;

    /// <summary>Why a job cannot have its ring or its masks, with the key that is in the way; null where it can.</summary>
    public static (string Key, string Reason)? Refuse(Job job)
    {
        string what = job.SecureAggregation is null ? "a ring" : "secure aggregation";
        return job.SecureAggregation is not null && job.Precision.Ring is null
            ? ("precision", $"{job.Precision.Result} has scales of each site's own, which cannot be added up under masks; take 'precision: {{ task: {job.Precision.Task}, ring: {JobRing.BitsUsual} }}'")
            : job.Precision.Ring is not { } ring ? null
            : ring.Bits is < JobRing.BitsMin or > JobRing.BitsMax ? ("precision", $"'ring' is {ring.Bits} bits, but should be from {JobRing.BitsMin} to {JobRing.BitsMax}")
            : job.Workflow != FedAvg.Name ? ("workflow", $"{what} is for the workflow fedavg, and this is '{job.Workflow}'; take that one")
            : job.Exchange != Exchange.Delta ? ("exchange", $"{what} adds up changes, which have a range; take 'exchange: delta'")
            : job.Aggregation.Reducer != Reducer.Mean ? ("aggregation", $"{what} gives a sum and no single update, and '{job.Aggregation.Reducer}' has to see each of them; take the mean, and clip at the sites")
            : job.Sites.Count > JobRing.SitesMax(ring.Bits) ? ("precision", $"a sum of {job.Sites.Count} sites does not fit into {ring.Bits} bits; take a ring of more")
            : RefuseSites(job, what);
    }

    private static (string Key, string Reason)? RefuseSites(Job job, string what) =>
        job.SecureAggregation is { } secure && (job.Sample?.Of(job.Sites.Count) ?? job.Sites.Count) < Math.Max(MinCohortUsual, secure.MinCohort)
            ? ("sites", $"{what} needs {Math.Max(MinCohortUsual, secure.MinCohort)} sites or more: of two, each would learn the other's values")
        : job.SecureAggregation is { MinCohort: < MinCohortUsual } ? ("secure_aggregation", $"'min_cohort' should be {MinCohortUsual} or more: of two, each would learn the other's values")
        : job is { SecureAggregation: not null, Privacy: { Unit: PrivacyUnit.Site, Noise: NoisePlace.Server } }
            ? ("privacy", "the server does not see a site's change, so it cannot clip it, and adds no noise to it; take 'noise: site'")
        : job is { Precision.Ring.Bits: < JobRing.BitsUsual, Privacy: { Unit: PrivacyUnit.Site, Noise: NoisePlace.Site } }
            ? ("precision", $"noise and rounding take a part of the ring, and {job.Precision.Ring.Bits} bits leave too little of it; take {JobRing.BitsUsual} or more")
        : null;
}
