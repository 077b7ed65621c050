using Tributary.Configuration;
using Tributary.Federation.Workflows;

namespace Tributary.Federation.Jobs;

/// <summary>Reads the keys of a job file that say which sites a round needs and how long it waits: workflow, min_sites, sample, deadline.</summary>
internal static class JobFileRounds
{
    /// <summary>The workflow's name, and the buffer of one that has it: <c>workflow: fedbuff</c> or <c>workflow: { name: fedbuff, buffer: 3 }</c>.</summary>
    public static (string? Name, JobBuffer? Buffer) ReadWorkflow(YamlMap map, IReadOnlyCollection<string> workflows, int sites)
    {
        YamlMap? options = map.IsMap("workflow") ? map.Map("workflow") : null;
        string? name = options is null ? map.Choice("workflow", workflows) : options.Choice("name", workflows) ?? options.Missing("name", "the workflow, such as fedbuff");
        JobBuffer? buffer = null;
        if (name == FedBuff.Name)
        {
            int usual = Math.Max(1, (sites + 1) / 2);
            buffer = new JobBuffer(
                (int)(options?.Integer("buffer", 1, Math.Max(1, sites)) ?? usual),
                options?.Number("staleness_exponent", 0, 10, inclusive: true) ?? JobBuffer.StalenessExponentDefault);
        }

        options?.RefuseOtherKeys();
        return (name, buffer);
    }

    /// <summary>What a job says beside its workflow; what does not fit together is noted.</summary>
    public static Job Read(YamlMap map, Job job)
    {
        job = job with
        {
            MinSites = (int?)map.Integer("min_sites", 1, Math.Max(1, job.Sites.Count)),
            Sample = ReadSample(map, job.Sites.Count),
            Deadline = map.Duration("deadline"),
        };
        if (job is { MinSites: { } least, Sample: { } sample } && least > sample.Of(job.Sites.Count))
        {
            map.Wrong("min_sites", $"'min_sites' is {least}, but 'sample' draws only {sample.Of(job.Sites.Count)} of the {job.Sites.Count} sites; let it be at most that");
        }

        if (job is { Deadline: not null, MinSites: null })
        {
            map.Wrong("deadline", "'deadline' says when a round goes on without some sites, but without 'min_sites' it needs all of them; say how many it needs");
        }

        if (job.Workflow == Scaffold.Name)
        {
            RequireFitsScaffold(map, job);
        }

        if (job.Buffer is not null && job.Exchange != Exchange.Delta)
        {
            map.Wrong("exchange", "fedbuff adds changes to a model that has moved on meanwhile, so it needs 'exchange: delta'");
        }

        foreach (string key in job.Buffer is null ? Array.Empty<string>() : ["min_sites", "sample", "deadline"])
        {
            if (map.Keys.Contains(key))
            {
                map.Wrong(key, $"'{key}' does not go with fedbuff, which has no rounds that wait for sites; its 'buffer' says how many updates make a model");
            }
        }

        return job;
    }

    private static void RequireFitsScaffold(YamlMap map, Job job)
    {
        if (job.Train.Trainer != TrainerOffer.Builtin)
        {
            map.Wrong("workflow", $"scaffold corrects every step's gradient, which only the trainer inside does; take 'trainer: {TrainerOffer.Builtin}', or another workflow");
        }

        if (job.Train.Freeze is not null)
        {
            map.Wrong("train", "'freeze' does not go with scaffold; remove it, or take another workflow");
        }

        if (job.Train.CheckpointEvery > 0)
        {
            map.Wrong("train", "'checkpoint_every' does not go with scaffold, whose gradients are summed over the whole training; remove it");
        }
    }

    private static JobSample? ReadSample(YamlMap map, int sites)
    {
        if (map.Number("sample", 0, Math.Max(1, sites), inclusive: true) is not { } sample)
        {
            return null;
        }

        if (sample > 0 && (sample < 1 || double.IsInteger(sample)))
        {
            return sample < 1 ? new JobSample(null, sample) : new JobSample((int)sample, null);
        }

        map.Wrong("sample", $"'sample' is {sample}, but should be a share below 1, such as 0.3, or a number of sites, such as 3");
        return null;
    }
}
