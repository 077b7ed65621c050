using System.Globalization;
using Tributary.Federation.Aggregation;
using Tributary.Federation.Jobs;
using Tributary.Federation.Tasks;
using Tributary.Federation.Workflows;
using Tributary.Training;

namespace Tributary.Site;

/// <summary>
/// What the trainer inside keeps of a job on the site's disk: the optimizer's state and SCAFFOLD's control variate after each of the last two
/// rounds, and the checkpoint of the round that it trains.
/// </summary>
/// <remarks>
/// A round begins with the state of the round before, and leaves its own beside it: so a round that is trained once more, because the site
/// was killed before the server had the result, begins where it began.
/// </remarks>
internal sealed class TrainerFolder
{
    private const string StatePrefix = "optimizer-";
    private const string ControlPrefix = "control-";
    private const string Suffix = ".safetensors";

    private readonly string _folder;

    public TrainerFolder(string workFolder, string job) => _folder = System.IO.Path.Combine(workFolder, job);

    /// <summary>The files of a round's training; states that no round can begin with any more are removed.</summary>
    public TrainingFiles Begin(TaskData task)
    {
        bool keeps = task.Job.Train.OptimizerState == OptimizerState.Keep;
        int every = task.Job.Train.CheckpointEvery;
        bool corrects = task.Job.Workflow == Scaffold.Name;
        if (!keeps && every == 0 && !corrects)
        {
            return new TrainingFiles();
        }

        Directory.CreateDirectory(_folder);
        string? from = keeps ? Newest(StatePrefix, task.Round) : null;
        return new TrainingFiles
        {
            OptimizerFrom = from,
            OptimizerTo = keeps ? Path(StatePrefix, task.Round) : null,
            Control = corrects
                ? new ControlVariate(JoinedSource.CompanionOf(task.Model, Scaffold.ControlPrefix), Newest(ControlPrefix, task.Round), Path(ControlPrefix, task.Round))
                : null,
            Checkpoint = every > 0 ? System.IO.Path.Combine(_folder, "checkpoint" + Suffix) : null,
            CheckpointEvery = Math.Max(every, 1),
        };
    }

    /// <summary>The file of the last round before a round that left one; all others are removed.</summary>
    private string? Newest(string prefix, int round)
    {
        int[] rounds = [.. Directory.GetFiles(_folder, prefix + "*" + Suffix)
            .Select(path => int.TryParse(System.IO.Path.GetFileName(path)[prefix.Length..^Suffix.Length], CultureInfo.InvariantCulture, out int of) ? of : 0)
            .Where(of => of > 0)];
        int? before = rounds.Where(other => other < round).Select(other => (int?)other).Max();
        foreach (int other in rounds.Where(other => other != before))
        {
            File.Delete(Path(prefix, other));
        }

        return before is { } newest ? Path(prefix, newest) : null;
    }

    private string Path(string prefix, int round) => System.IO.Path.Combine(_folder, string.Create(CultureInfo.InvariantCulture, $"{prefix}{round}{Suffix}"));
}
