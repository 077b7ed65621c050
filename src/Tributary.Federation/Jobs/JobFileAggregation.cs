using Tributary.Configuration;
using Tributary.Federation.Workflows;

namespace Tributary.Federation.Jobs;

/// <summary>Reads how the server of a job makes one model of its sites' updates. Only the keys of the chosen reducer or optimizer are known.</summary>
internal static class JobFileAggregation
{
    private static readonly Dictionary<string, Reducer> Reducers = new(StringComparer.Ordinal)
    {
        ["mean"] = Reducer.Mean,
        ["median"] = Reducer.Median,
        ["trimmed_mean"] = Reducer.TrimmedMean,
        ["krum"] = Reducer.Krum,
    };

    /// <summary>Reads the keys <c>aggregation</c> and <c>server_optimizer</c>.</summary>
    /// <param name="map">The job file.</param>
    /// <param name="job">What has been read of it: the workflow, the sites, and how many of them a round has at least.</param>
    public static Job Read(YamlMap map, Job job)
    {
        int updates = job.MinSites ?? job.Sample?.Of(job.Sites.Count) ?? job.Sites.Count;
        job = job with { Aggregation = ReadAggregation(map, updates), ServerOptimizer = ReadOptimizer(map) };
        if (job.Workflow is not (FedAvg.Name or CrossSiteEvaluation.Name) && job.Aggregation.Reducer != Reducer.Mean)
        {
            map.Wrong("aggregation", $"the workflow '{job.Workflow}' takes no reducer but the mean; take fedavg, or the mean");
        }

        if (job.Workflow is not (FedAvg.Name or CrossSiteEvaluation.Name) && job.ServerOptimizer is not null)
        {
            map.Wrong("server_optimizer", $"the workflow '{job.Workflow}' has no server optimizer; take fedavg, or leave it out");
        }

        return job;
    }

    /// <summary>A reducer's name, or a reducer with its settings.</summary>
    private static JobAggregation ReadAggregation(YamlMap map, int updates)
    {
        const string Key = "aggregation";
        if (!map.IsMap(Key))
        {
            var plain = new JobAggregation(ReadReducer(map, Key));
            if (plain.Reducer == Reducer.Krum)
            {
                map.Wrong(Key, "krum has to know how many sites may be wrong: 'aggregation: { reducer: krum, byzantine: 1 }'");
            }
            else if (plain.Refuse(updates) is { } unfit)
            {
                map.Wrong(Key, unfit.Reason);
            }

            return plain;
        }

        YamlMap settings = map.Map(Key)!;
        JobAggregation read = ReadSettings(settings, new JobAggregation(ReadReducer(settings, "reducer")));
        settings.RefuseOtherKeys();
        if (read.Refuse(updates) is { } refusal)
        {
            settings.Wrong(refusal.Key, refusal.Reason);
        }

        return read;
    }

    private static Reducer ReadReducer(YamlMap map, string key) => map.Choice(key, Reducers.Keys) is { } name ? Reducers[name] : Reducer.Mean;

    /// <summary>An optimizer's name, or an optimizer with its settings; null where there is none.</summary>
    private static JobServerOptimizer? ReadOptimizer(YamlMap map)
    {
        const string Key = "server_optimizer";
        if (!map.IsMap(Key))
        {
            return map.Choice<ServerOptimizerName>(Key) is { } plain ? JobServerOptimizer.Default(plain) : null;
        }

        YamlMap settings = map.Map(Key)!;
        if (settings.Choice<ServerOptimizerName>("name") is not { } name)
        {
            settings.Missing("name", "the optimizer, such as fedadam");
            return null;
        }

        var defaults = JobServerOptimizer.Default(name);
        JobServerOptimizer read = defaults with { LearningRate = settings.Number("learning_rate", 0, 1000, inclusive: false) ?? defaults.LearningRate };
        if (name is ServerOptimizerName.FedAvgM or ServerOptimizerName.DiLoCo)
        {
            read = read with { Momentum = Decay(settings, "momentum") ?? defaults.Momentum };
        }
        else
        {
            read = read with { Tau = settings.Number("tau", 0, 1, inclusive: false) ?? defaults.Tau };
        }

        if (name is ServerOptimizerName.FedAdam or ServerOptimizerName.FedYogi)
        {
            read = read with { Beta1 = Decay(settings, "beta1") ?? defaults.Beta1, Beta2 = Decay(settings, "beta2") ?? defaults.Beta2 };
        }

        settings.RefuseOtherKeys();
        return read;
    }

    private static JobAggregation ReadSettings(YamlMap settings, JobAggregation read)
    {
        read = read with
        {
            NormLimit = settings.Number("norm_limit", 0, 1e9, inclusive: true) ?? read.NormLimit,
            SamplesMax = settings.Integer("samples_max", 1, long.MaxValue) ?? read.SamplesMax,
        };
        if (read.NormLimit is > 0 and < 1)
        {
            settings.Wrong("norm_limit", $"'norm_limit' is {read.NormLimit}, but should be 1 or more, or 0 for no limit: below 1 it would refuse updates of the usual norm");
        }

        switch (read.Reducer)
        {
            case Reducer.Mean:
                return read with { Weights = settings.Choice<UpdateWeights>("weights") ?? read.Weights };
            case Reducer.TrimmedMean:
                return read with { Trim = settings.Number("trim", 0, 0.5, inclusive: false) ?? read.Trim };
            case Reducer.Krum:
                int? byzantine = (int?)settings.Integer("byzantine", 0, int.MaxValue / 4);
                if (byzantine is null)
                {
                    settings.Missing("byzantine", "how many sites may be wrong; krum needs 2 f + 3 sites to withstand f");
                }

                return read with { Byzantine = byzantine ?? 0, Keep = (int)(settings.Integer("keep", 1, int.MaxValue) ?? read.Keep) };
            default:
                return read;
        }
    }

    /// <summary>What an average over time keeps of its past: from 0 and below 1.</summary>
    private static double? Decay(YamlMap settings, string key)
    {
        double? read = settings.Number(key, 0, 1, inclusive: true);
        if (read is 1)
        {
            settings.Wrong(key, $"'{key}' is 1, but should be below 1: nothing new would count");
        }

        return read;
    }
}
