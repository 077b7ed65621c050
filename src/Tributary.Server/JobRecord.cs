using Tributary.Federation.Jobs;
using Tributary.Server.Jobs;
using Tributary.Server.Storage;

namespace Tributary.Server;

/// <summary>What the journal says of a job that has ended.</summary>
/// <param name="Steps">Its steps, in order.</param>
/// <param name="Results">The results that came, by round, step and site.</param>
/// <param name="Parts">How every site's part in every step ended, by round, step and site.</param>
/// <param name="Models">Its global models, by round; their files are there for the last and the best.</param>
/// <param name="BestRound">The round of the model with the lowest held-out loss; 0 is the initial one.</param>
/// <param name="LastModel">The last model's weights: a safetensors file; null where that is the initial one.</param>
/// <param name="BestModel">The best model's weights; null where that is the initial one.</param>
public sealed record JobRecord(
    IReadOnlyList<StepRow> Steps, IReadOnlyList<ResultRow> Results, IReadOnlyList<PartRow> Parts, IReadOnlyList<ModelRow> Models, int BestRound, string? LastModel, string? BestModel)
{
    /// <summary>Why the job ended with rounds left, as where its privacy budget allows no more; null where it has run all.</summary>
    public string? EndedEarly { get; init; }

    /// <summary>Epsilon after each round that was run, from the first; empty where the job has no differential privacy.</summary>
    public IReadOnlyList<double> Epsilons { get; init; } = [];

    internal static JobRecord Read(Journal journal, JobFolder folder, Job job)
    {
        IReadOnlyList<ModelRow> models = journal.Models(job.Name);
        int best = JobRun.Best(models);
        return new JobRecord(
            journal.Steps(job.Name), journal.Results(job.Name), journal.Parts(job.Name), models, best, models[^1].Round == 0 ? null : folder.Model(models[^1].Round), best == 0 ? null : folder.Model(best));
    }
}
