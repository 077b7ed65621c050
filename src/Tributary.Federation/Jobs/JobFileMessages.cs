using Tributary.Codecs;
using Tributary.Configuration;

namespace Tributary.Federation.Jobs;

/// <summary>Reads what a job file says of its messages.</summary>
internal static class JobFileMessages
{
    private static readonly string[] PrecisionNames = [.. Precision.All.Select(codec => codec.Name)];

    public static JobPrecision? ReadPrecision(YamlMap map)
    {
        if (!map.IsMap("precision"))
        {
            return map.Choice("precision", PrecisionNames) is { } both ? new JobPrecision(both, both) : null;
        }

        YamlMap each = map.Map("precision")!;
        string task = each.Choice("task", PrecisionNames) ?? each.Missing("task", "the precision of messages to the sites");
        string result = each.Choice("result", PrecisionNames) ?? each.Missing("result", "the precision of messages from the sites");
        string? first = each.Choice("first", PrecisionNames);
        if (first is not null && Precision.Parse(first).IsForChanges)
        {
            each.Wrong("first", $"'first' is {first}, which ruins a model that is sent whole; take one of {string.Join(", ", Whole)}");
        }

        each.RefuseOtherKeys();
        return new JobPrecision(task, result, first);
    }

    public static bool? ReadFeedback(YamlMap map) => map.Choice("feedback", ["true", "false"]) is { } text ? text == "true" : null;

    /// <summary>Notes what does not fit together.</summary>
    public static Job Check(YamlMap map, Job job)
    {
        if (job.Exchange == Exchange.Delta)
        {
            return job;
        }

        foreach (string name in new[] { job.Precision.Task, job.Precision.Result }.Distinct(StringComparer.Ordinal))
        {
            if (Precision.TryParse(name, out Codec? codec) && codec.IsForChanges)
            {
                map.Wrong("precision", $"'precision' is {name}, which ruins a model that is sent whole; take 'exchange: delta', or one of {string.Join(", ", Whole)}");
            }
        }

        if (job.Precision.First is not null)
        {
            map.Wrong("precision", "'first' is of a job whose later messages are changes; take 'exchange: delta', or leave it out");
        }

        if (map.Keys.Contains("feedback") && job.Feedback)
        {
            map.Wrong("feedback", "'feedback' keeps what was lost of a change, and this job exchanges weights; take 'exchange: delta', or leave it out");
        }

        return job with { Feedback = false };
    }

    private static IEnumerable<string> Whole => Precision.All.Where(codec => !codec.IsForChanges).Select(codec => codec.Name);
}
