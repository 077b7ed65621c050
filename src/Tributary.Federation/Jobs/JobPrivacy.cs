using Tributary.Federation.Workflows;

namespace Tributary.Federation.Jobs;

/// <summary>Whose part in the model differential privacy hides.</summary>
public enum PrivacyUnit
{
    /// <summary>One record of a site: DP-SGD in the trainer. For a handful of sites.</summary>
    Record,

    /// <summary>All that one site has: noise on its whole change. For many sites.</summary>
    Site,
}

/// <summary>Who adds the noise that hides a site.</summary>
public enum NoisePlace
{
    /// <summary>The server, to the sum: it sees every site's change and has to be trusted with it.</summary>
    Server,

    /// <summary>Each site, before anything leaves it; under masks the sum has the noise of all of them.</summary>
    Site,
}

/// <summary>What becomes of the figures that sites measure on their records, and of how many these are.</summary>
public enum PrivateFigures
{
    /// <summary>They stay at the site.</summary>
    Withheld,

    /// <summary>They are told, outside of what is guaranteed.</summary>
    Told,
}

/// <summary>
/// Differential privacy, as a job asks for it: all of it is public, so every party counts what is spent by itself. What the numbers state is in docs/PRIVACY.md.
/// </summary>
public sealed record JobPrivacy
{
    /// <summary>The usual delta.</summary>
    public const double DeltaUsual = 1e-5;

    /// <summary>Whose part is hidden.</summary>
    public PrivacyUnit Unit { get; init; }

    /// <summary>The bound on one unit's contribution, an L2 norm: of a record's gradient in a step, or of a site's change in a round.</summary>
    public required double Clip { get; init; }

    /// <summary>The noise's standard deviation over <see cref="Clip"/>, above 0.</summary>
    public required double NoiseMultiplier { get; init; }

    /// <summary>For records: each record's probability of being in a step's sample, above 0 and at most 1. A round has epochs over this steps, rounded up.</summary>
    public double? SamplingRate { get; init; }

    /// <summary>For sites: who adds the noise.</summary>
    public NoisePlace Noise { get; init; } = NoisePlace.Site;

    /// <summary>Epsilon that the job may spend at most; the round that would go beyond it does not run. Null to count only.</summary>
    public double? Epsilon { get; init; }

    /// <summary>Delta of that statement.</summary>
    public double Delta { get; init; } = DeltaUsual;

    /// <summary>What becomes of the sites' figures.</summary>
    public PrivateFigures Figures { get; init; }

    /// <summary>Why a job cannot keep what it says, with the key that is in the way; null where it can.</summary>
    public static (string Key, string Reason)? Refuse(Job job)
    {
        if (job.Privacy is not { } privacy)
        {
            return null;
        }

        return RefuseNumbers(privacy)
            ?? (job.Workflow != FedAvg.Name ? ("privacy", $"differential privacy is counted for the workflow fedavg, and not for '{job.Workflow}'; take that one")
            : job.Aggregation.Reducer != Reducer.Mean ? ("privacy", $"differential privacy is of a mean, in which one part has a bound; '{job.Aggregation.Reducer}' of updates is none, take the mean")
            : job.Aggregation.Weights != UpdateWeights.Uniform ? ("aggregation", "how many records a site has must not say how much it counts; take 'weights: uniform'")
            : privacy.Unit == PrivacyUnit.Record ? RefuseForRecords(job.Train, privacy)
            : job.Exchange != Exchange.Delta ? ("privacy", "a site is hidden in the sum of clipped changes; take 'exchange: delta'")
            : job.Aggregation.NormLimit > 0 ? ("aggregation", "a screen by norms lets one site's change decide over another's, which is not counted; clipping bounds each. Give 'norm_limit: 0'")
            : privacy.SamplingRate is not null ? ("privacy", "'sampling_rate' is of records, which a trainer samples; sites are drawn in fixed numbers, for which no gain is counted. Leave it out")
            : null);
    }

    private static (string Key, string Reason)? RefuseNumbers(JobPrivacy privacy) =>
        !(privacy.Clip > 0) || !(privacy.NoiseMultiplier > 0) || !double.IsFinite(privacy.Clip) || !double.IsFinite(privacy.NoiseMultiplier) ? ("privacy", "'clip' and 'noise_multiplier' should be numbers above 0")
        : !(privacy.Delta is > 0 and < 1) || privacy.Epsilon is not (null or > 0) ? ("privacy", "'delta' should be above 0 and below 1, and 'epsilon' above 0")
        : null;

    private static (string Key, string Reason)? RefuseForRecords(JobTraining train, JobPrivacy privacy) =>
        privacy.SamplingRate is not (> 0 and <= 1) ? ("privacy", "'sampling_rate' says how probable each record is in a step, above 0 and at most 1, such as batch_size over the usual number of records")
        : train.Trainer != TrainerOffer.Builtin ? ("privacy", $"records are hidden by the trainer inside, which clips each one's gradient; of '{train.Trainer}' nobody knows that. Take 'trainer: builtin', or 'unit: site'")
        : train.EarlyStop is not null ? ("privacy", "'early_stop' chooses by held-out records, which tells of them; leave it out")
        : null;
}
