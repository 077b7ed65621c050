using System.Globalization;
using Tributary.Federation.Jobs;
using Tributary.Federation.Tasks;
using Tributary.Training;

namespace Tributary.Site;

/// <summary>
/// What the trainer inside keeps of a job on the site's disk: the optimizer's state after each of the last two rounds, and the checkpoint of
/// the round that it trains.
/// </summary>
/// <remarks>
/// A round begins with the state of the round before, and leaves its own beside it: so a round that is trained once more, because the site
/// was killed before the server had the result, begins where it began.
/// </remarks>
internal sealed class TrainerFolder
{
    private const string StatePrefix = "optimizer-";
    private const string Suffix = ".safetensors";

    private readonly string _folder;

    public TrainerFolder(string workFolder, string job) => _folder = Path.Combine(workFolder, job);

    /// <summary>The files of a round's training; states that no round can begin with any more are removed.</summary>
    public TrainingFiles Begin(TaskData task)
    {
        bool keeps = task.Job.Train.OptimizerState == OptimizerState.Keep;
        int every = task.Job.Train.CheckpointEvery;
        if (!keeps && every == 0)
        {
            return new TrainingFiles();
        }

        Directory.CreateDirectory(_folder);
        int? before = keeps ? RemoveOthers(task.Round) : null;
        return new TrainingFiles
        {
            OptimizerFrom = before is { } round ? State(round) : null,
            OptimizerTo = keeps ? State(task.Round) : null,
            Checkpoint = every > 0 ? Path.Combine(_folder, "checkpoint" + Suffix) : null,
            CheckpointEvery = Math.Max(every, 1),
        };
    }

    /// <summary>The last round before a round whose state is there; all other states are removed.</summary>
    private int? RemoveOthers(int round)
    {
        int[] rounds = [.. Directory.GetFiles(_folder, StatePrefix + "*" + Suffix)
            .Select(path => int.TryParse(Path.GetFileName(path)[StatePrefix.Length..^Suffix.Length], CultureInfo.InvariantCulture, out int of) ? of : 0)
            .Where(of => of > 0)];
        int? before = rounds.Where(other => other < round).Select(other => (int?)other).Max();
        foreach (int other in rounds.Where(other => other != before))
        {
            File.Delete(State(other));
        }

        return before;
    }

    private string State(int round) => Path.Combine(_folder, string.Create(CultureInfo.InvariantCulture, $"{StatePrefix}{round}{Suffix}"));
}
