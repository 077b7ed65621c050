using Tributary.Configuration;

namespace Tributary.Federation.Jobs;

/// <summary>Reads what has keys of its own under a job file's <c>train</c>.</summary>
internal static class JobFileTraining
{
    public static JobEarlyStop? ReadEarlyStop(YamlMap? map)
    {
        if (map is null)
        {
            return null;
        }

        var read = new JobEarlyStop((int)(map.Integer("patience", 1, 10_000) ?? 0), (int)(map.Integer("every", 1, int.MaxValue) ?? 0));
        if (read.Patience == 0)
        {
            map.Missing("patience", "the measurements in a row without a lower held-out loss after which a site stops");
        }

        if (read.Every == 0)
        {
            map.Missing("every", "the steps after which the held-out loss is measured");
        }

        map.RefuseOtherKeys();
        return read;
    }

    public static JobLora? ReadLora(YamlMap? map)
    {
        if (map is null)
        {
            return null;
        }

        var defaults = new JobLora();
        var read = new JobLora
        {
            Rank = (int)(map.Integer("rank", 1, 65_536) ?? defaults.Rank),
            Alpha = map.Number("alpha", 0, 1e6, inclusive: false) ?? defaults.Alpha,
            Targets = map.Texts("targets") ?? defaults.Targets,
            Dropout = map.Number("dropout", 0, 1, inclusive: true) ?? defaults.Dropout,
            Base = map.Text("base"),
        };
        if (read.Targets.Except(JobLora.AllTargets, StringComparer.Ordinal).Any() || read.Targets.Distinct(StringComparer.Ordinal).Count() < read.Targets.Count)
        {
            map.Wrong("targets", $"'targets' is {string.Join(", ", read.Targets)}, but should be some of {string.Join(", ", JobLora.AllTargets)}, each once");
        }

        if (read.Dropout >= 1)
        {
            map.Wrong("dropout", "'dropout' is 1, but should be below 1: nothing would be left to learn from");
        }

        if (read.Base is { } digest && !(digest.Length == 71 && digest.StartsWith("sha256:", StringComparison.Ordinal)))
        {
            map.Wrong("base", $"'base' is '{digest}', but should be sha256: and 64 digits, as a run's summary has it");
        }

        map.RefuseOtherKeys();
        return read;
    }
}
