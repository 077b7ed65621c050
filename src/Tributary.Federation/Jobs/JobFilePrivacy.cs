using Tributary.Configuration;

namespace Tributary.Federation.Jobs;

/// <summary>Reads what a job file says of differential privacy and of secure aggregation.</summary>
internal static class JobFilePrivacy
{
    private const string Secure = "secure_aggregation";

    /// <summary>Reads the keys <c>privacy</c> and <c>secure_aggregation</c>, and notes what does not go together.</summary>
    public static Job Read(YamlMap map, Job job)
    {
        job = job with { Privacy = map.Map("privacy") is { } privacy ? ReadPrivacy(privacy) : null, SecureAggregation = ReadSecure(map) };
        if (job.SecureAggregation is not null && !map.Keys.Contains("precision"))
        {
            job = job with { Precision = job.Precision with { Result = JobPrecision.Integers, Ring = new JobRing(JobRing.BitsUsual) } };
        }

        if (job.Privacy is not null || job.Precision.Ring is not null)
        {
            bool isWeighted = map.IsMap("aggregation") && map.Map("aggregation")!.Choice<UpdateWeights>("weights") == UpdateWeights.Samples;

            // How many records a site has is its own affair, and must not say how much one of them moves the model.
            if (isWeighted && job.Privacy is not null)
            {
                map.Wrong("aggregation", "'weights: samples' lets a site's records say how much it counts, which privacy does not bound; leave it out, sites count alike");
                isWeighted = false;
            }

            // A screen by the norms of all would let one site's change decide over another's; clipping bounds each by itself.
            bool isScreened = job is { Precision.Ring: null, Privacy.Unit: PrivacyUnit.Record };
            job = job with { Aggregation = job.Aggregation with { Weights = isWeighted ? UpdateWeights.Samples : UpdateWeights.Uniform, NormLimit = isScreened ? job.Aggregation.NormLimit : 0 } };
            if (map.Keys.Contains("feedback") && job.Feedback > 0 && (job.AddsNoiseAtSites || job.Precision.Ring is not null))
            {
                map.Wrong("feedback", "'feedback' adds what was lost to the next change, and noise or a ring leave nothing that could be kept; leave it out");
            }
        }

        foreach ((string key, string reason) in new[] { JobSecureAggregation.Refuse(job), JobPrivacy.Refuse(job) }.OfType<(string, string)>())
        {
            map.Wrong(key, reason);
        }

        return job;
    }

    private static JobPrivacy ReadPrivacy(YamlMap map)
    {
        PrivacyUnit unit = PrivacyUnit.Record;
        if (map.Choice<PrivacyUnit>("unit") is { } said)
        {
            unit = said;
        }
        else
        {
            map.Missing("unit", "whom to hide: record, or site");
        }

        var privacy = new JobPrivacy
        {
            Unit = unit,
            Clip = Required(map, "clip", "the bound on one unit's contribution, an L2 norm, such as 1"),
            NoiseMultiplier = Required(map, "noise_multiplier", "the noise over that bound; 'tributary privacy plan' finds it"),
            SamplingRate = map.Number("sampling_rate", 0, 1, inclusive: true),
            Noise = map.Choice<NoisePlace>("noise") ?? NoisePlace.Site,
            Epsilon = map.Number("epsilon", 0, 1e6, inclusive: false),
            Delta = map.Number("delta", 0, 1, inclusive: false) ?? JobPrivacy.DeltaUsual,
            Figures = map.Choice<PrivateFigures>("figures") ?? PrivateFigures.Withheld,
        };
        if (unit == PrivacyUnit.Record && map.Keys.Contains("noise"))
        {
            map.Wrong("noise", "'noise' says who hides a site; a record is hidden by its site's trainer. Leave it out");
        }

        map.RefuseOtherKeys();
        return privacy;
    }

    private static double Required(YamlMap map, string key, string what)
    {
        if (!map.Keys.Contains(key))
        {
            map.Missing(key, what);
        }

        return map.Number(key, 0, 1e6, inclusive: false) ?? 1;
    }

    private static JobSecureAggregation? ReadSecure(YamlMap map)
    {
        if (!map.IsMap(Secure))
        {
            return map.Choice(Secure, ["true", "false"]) == "true" ? new JobSecureAggregation() : null;
        }

        YamlMap settings = map.Map(Secure)!;
        var read = new JobSecureAggregation((int)(settings.Integer("min_cohort", 1, 10_000) ?? JobSecureAggregation.MinCohortUsual));
        settings.RefuseOtherKeys();
        return read;
    }
}
