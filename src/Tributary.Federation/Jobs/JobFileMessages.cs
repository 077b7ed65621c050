using System.Globalization;
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
        bool isAdaptive = each.Keys.Contains("budget") || each.Keys.Contains("error");
        string task = each.Choice("task", [.. PrecisionNames, JobPrecision.Adaptive]) ?? (isAdaptive || each.Keys.Contains("ring") ? JobPrecision.Adaptive : each.Missing("task", "the precision of messages to the sites"));
        JobRing? ring = ReadRing(each);
        if (ring is not null && !isAdaptive && !each.Keys.Contains("task"))
        {
            task = Precision.Nf4.Name;
        }

        string result = ring is not null ? JobPrecision.Integers : each.Choice("result", [.. PrecisionNames, JobPrecision.Adaptive, JobPrecision.Auto])
            ?? (isAdaptive ? JobPrecision.Adaptive : each.Missing("result", "the precision of messages from the sites"));
        string? first = each.Choice("first", PrecisionNames);
        string? last = each.Choice("last", PrecisionNames);
        if (first is not null && JobPrecision.IsForChanges(first))
        {
            each.Wrong("first", $"'first' is {first}, which ruins a model that is sent whole; take one of {string.Join(", ", Whole)}");
        }

        RefuseUnusedBudget(each, budget, task == JobPrecision.Adaptive, result is JobPrecision.Adaptive or JobPrecision.Auto);
        if (each.Keys.Contains("sensitivity") && !isAdaptive)
        {
            each.Wrong("sensitivity", "'sensitivity' says where an adaptive precision puts its bytes; give it a 'budget' or an 'error'");
        }

        // Whoever knows the folder reads the file.
        _ = each.Text("sensitivity");
        each.RefuseOtherKeys();
        return new JobPrecision(task, result, first, budget, last, ring);
    }

    /// <summary>Notes a budget that no message is held to: whoever gave it would believe that it is kept.</summary>
    private static void RefuseUnusedBudget(YamlMap map, JobBudget? budget, bool ofTask, bool ofResult)
    {
        bool isEach = map.IsMap("budget");
        string? unused = budget is null ? (isEach ? "says nothing; give it 'task', 'result' or both, or one number for both" : null)
            : !ofTask && !ofResult ? "is of an adaptive precision, and both ways have another one here; leave 'task' and 'result' out, or it"
            : isEach && budget.Task is not null && !ofTask ? "is also of messages to the sites, which have another precision here; leave one of the two out"
            : isEach && budget.Result is not null && !ofResult ? "is also of messages from the sites, which have another precision here; leave one of the two out"
            : null;
        if (unused is not null)
        {
            string key = map.Keys.Contains("error") ? "error" : "budget";
            map.Wrong(key, $"'{key}' {unused}");
        }
    }

    /// <summary>The path of the measured sensitivities, as the file has it; null where it names none.</summary>
    public static string? ReadSensitivity(YamlMap map) => map.IsMap("precision") ? map.Map("precision")!.Text("sensitivity") : null;

    /// <summary>The ring of the results: <c>ring: 8</c>, with <c>range</c> for what the first round's values may be.</summary>
    private static JobRing? ReadRing(YamlMap map)
    {
        long? bits = map.Integer("ring", JobRing.BitsMin, JobRing.BitsMax);
        double? range = map.Number("range", 0, 1e6, inclusive: false);
        if (bits is null && range is not null)
        {
            map.Wrong("range", "'range' is the largest value of a ring's first round; say 'ring' too, or leave it out");
        }

        if (bits is not null && map.Keys.Contains("result"))
        {
            map.Wrong("ring", "'ring' is a precision of results, and 'result' is given too; remove one of them");
            _ = map.Text("result");
        }

        return map.Keys.Contains("ring") ? new JobRing((int)(bits ?? JobRing.BitsUsual), range) : null;
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

    /// <summary>How much is kept of what was lost, to the sites and from them; null where the file does not say.</summary>
    public static (double? Task, double? Result) ReadFeedback(YamlMap map)
    {
        if (!map.IsMap("feedback"))
        {
            return (null, ReadShare(map, "feedback"));
        }

        YamlMap each = map.Map("feedback")!;
        (double? task, double? result) = (ReadShare(each, "task"), ReadShare(each, "result"));
        each.RefuseOtherKeys();
        return (task, result);
    }

    private static double? ReadShare(YamlMap map, string key)
    {
        switch (map.Text(key))
        {
            case null:
                return null;
            case "true":
                return 1;
            case "false":
                return 0;
            case { } text when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double share) && share is >= 0 and <= 1:
                return share;
            case { } text:
                map.Wrong(key, $"'{key}' is '{text}', but should be true, false, or the share of what was lost that is kept, from 0 to 1");
                return null;
        }
    }

    /// <summary>Notes what does not fit together.</summary>
    public static Job Check(YamlMap map, Job job)
    {
        if (job.Exchange == Exchange.Delta)
        {
            if (job.RefuseWorkflow() is var (key, reason))
            {
                map.Wrong(key, reason);
            }

            return job;
        }

        foreach (string name in new[] { job.Precision.Task, job.Precision.Result }.Distinct(StringComparer.Ordinal))
        {
            if (JobPrecision.IsForChanges(name))
            {
                map.Wrong("precision", $"'precision' is {name}, which ruins a model that is sent whole; take 'exchange: delta', or one of {string.Join(", ", Whole)}");
            }
        }

        if ((job.Precision.First ?? job.Precision.Last) is not null)
        {
            map.Wrong("precision", $"'{(job.Precision.First is null ? "last" : "first")}' is of a job whose later messages are changes; take 'exchange: delta', or leave it out");
        }

        if (map.Keys.Contains("feedback") && (job.Feedback > 0 || job.TaskFeedback is not null))
        {
            map.Wrong("feedback", "'feedback' keeps what was lost of a change, and this job exchanges weights; take 'exchange: delta', or leave it out");
        }

        return job;
    }

    private static IEnumerable<string> Whole => Precision.All.Where(codec => !codec.IsForChanges).Select(codec => codec.Name);
}
