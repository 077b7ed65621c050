using Tributary.Federation.Workflows;

namespace Tributary.Federation.Jobs;

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
            : job.CountsSamples && job.Aggregation.SamplesMax == JobAggregation.SamplesMaxUsual
                ? ("aggregation", "'weights: samples' scales each site's change by its records over 'samples_max', so that it has to be near the most that a site has; give it, or leave 'weights' out: sites count alike")
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
