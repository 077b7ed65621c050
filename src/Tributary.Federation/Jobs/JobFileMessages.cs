using Tributary.Codecs;
using Tributary.Configuration;

namespace Tributary.Federation.Jobs;

/// <summary>Reads what a job file says of its messages.</summary>
internal static class JobFileMessages
{
    private static readonly string[] PrecisionNames = [.. Precision.All.Select(codec => codec.Name)];

    // Percent of fp32: as few as every tensor in topk takes.
    private const double ShareMin = 0.6;

    public static JobPrecision? ReadPrecision(YamlMap map)
    {
        if (!map.IsMap("precision"))
        {
            return map.Choice("precision", [.. PrecisionNames, JobPrecision.Adaptive, JobPrecision.Auto]) is not { } both ? null
                : both == JobPrecision.Auto ? new JobPrecision(JobPrecision.Adaptive, JobPrecision.Auto) : new JobPrecision(both, both);
        }

        YamlMap each = map.Map("precision")!;
        JobBudget? budget = ReadBudget(each);
        string task = each.Choice("task", [.. PrecisionNames, JobPrecision.Adaptive]) ?? (budget is null ? each.Missing("task", "the precision of messages to the sites") : JobPrecision.Adaptive);
        string result = each.Choice("result", [.. PrecisionNames, JobPrecision.Adaptive, JobPrecision.Auto])
            ?? (budget is null ? each.Missing("result", "the precision of messages from the sites") : JobPrecision.Adaptive);
        string? first = each.Choice("first", PrecisionNames);
        if (first is not null && JobPrecision.IsForChanges(first))
        {
            each.Wrong("first", $"'first' is {first}, which ruins a model that is sent whole; take one of {string.Join(", ", Whole)}");
        }

        each.RefuseOtherKeys();
        return new JobPrecision(task, result, first, budget);
    }

    private static JobBudget? ReadBudget(YamlMap map)
    {
        double? error = map.Percent("error", 0.1, 100);
        YamlMap? ways = map.IsMap("budget") ? map.Map("budget") : null;
        double? both = ways is null ? map.Percent("budget", ShareMin, 100) : null;
        (double? task, double? result) = ways is null ? (both, both) : (ways.Percent("task", ShareMin, 100), ways.Percent("result", ShareMin, 100));
        ways?.RefuseOtherKeys();
        if (error is not null && (task ?? result) is not null)
        {
            map.Wrong("error", "'error' and 'budget' are two ways to choose the precisions; give one of them");
        }

        return error is null && task is null && result is null ? null : new JobBudget { Task = task, Result = result, Error = error };
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
            if (JobPrecision.IsForChanges(name))
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
