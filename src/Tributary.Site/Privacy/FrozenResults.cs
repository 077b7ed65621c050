using System.Text.Json;
using System.Text.Json.Serialization;
using Tributary.Federation.Messages;
using Tributary.Federation.Tasks;
using Tributary.Federation.Wire;
using Tributary.Tensors;

namespace Tributary.Site.Privacy;

/// <summary>
/// Results that hold noise or masks, whole on the disk before their first byte leaves. Whatever is asked for again, the same bytes go out: two messages under the same noise would tell what is in them
/// by their difference.
/// </summary>
internal sealed class FrozenResults(string folder)
{
    /// <summary>The result of a task that was frozen already; null where there is none.</summary>
    /// <param name="task">The task.</param>
    /// <param name="model">The digest of the model that it is to be made of.</param>
    /// <param name="masks">What tells the masks that it is to be under, see <see cref="FrozenResult"/>; null where there are none.</param>
    /// <exception cref="TaskFailedException">It was made of another model, or in another job of that name, or later rounds have been answered: noise is never used twice.</exception>
    public FrozenResult? Find(TaskDocument task, string model, string? masks)
    {
        if (!Directory.Exists(FolderOf(task)))
        {
            return null;
        }

        string job = task.StatementDigest();
        FrozenResult[] all = [.. Directory.GetFiles(FolderOf(task), "*.json").Select(Read)];
        if (all.Any(frozen => frozen.Job != job))
        {
            // Masks are new in every round of every job; noise comes from the ledger of a name.
            if (task.Job.Privacy is null)
            {
                Directory.Delete(FolderOf(task), recursive: true);
                return null;
            }

            throw new TaskFailedException($"privacy: this site has answered another job of the name '{task.Job.Name}', whose noise is used once. Begin a job of another name");
        }

        if (all.Any(frozen => frozen.Round > task.Round))
        {
            throw new TaskFailedException($"privacy: the task is of round {task.Round}, and this site has answered round {all.Max(frozen => frozen.Round)} of job '{task.Job.Name}'; what is over is not made again");
        }

        // What another attempt at the same sum has sent, from whatever model, is under masks that nobody takes off any more.
        FrozenResult? own = File.Exists(Record(task)) ? Read(Record(task)) : null;
        if (own is not null && own.Masks != masks)
        {
            // Under the keys of another time, as of a job that was begun again from its beginning: of no use in this sum.
            return null;
        }

        return own is null || own.Model == model
            ? own
            : throw new TaskFailedException(
                $"privacy: this site's result of round {task.Round} is made of model {own.Model} and is frozen, and the task begins with {model}; a round's noise is used once. Begin a job of another name");
    }

    /// <summary>Where a task's message is written; earlier rounds' of its job are removed.</summary>
    public string Message(TaskDocument task)
    {
        Directory.CreateDirectory(FolderOf(task));
        foreach (string other in Directory.GetFiles(FolderOf(task)).Where(other => !Path.GetFileName(other).StartsWith(Prefix(task), StringComparison.Ordinal)))
        {
            File.Delete(other);
        }

        return PathOf(task);
    }

    /// <summary>The message of a result that was frozen.</summary>
    public string PathOf(TaskDocument task) => Path.Combine(FolderOf(task), Name(task) + ".safetensors");

    /// <summary>Makes a result count whose message is durable.</summary>
    public void Keep(TaskDocument task, FrozenResult result) => DurableFile.WriteText(Record(task), JsonSerializer.Serialize(result, FrozenJson.Default.FrozenResult));

    private static FrozenResult Read(string path) =>
        JsonSerializer.Deserialize(File.ReadAllText(path), FrozenJson.Default.FrozenResult) ?? throw new TaskFailedException($"{path}: is not what a frozen result's record is");

    private static string Prefix(TaskDocument task) => $"round-{task.Round:D5}-";

    /// <summary>One for each round, whatever step the server says it is; under masks one for each attempt at the sum.</summary>
    private static string Name(TaskDocument task) => $"{Prefix(task)}{(task.Job.SecureAggregation is null ? 0 : AggregationTasks.AttemptOf(task.Step))}";

    private string Record(TaskDocument task) => Path.Combine(FolderOf(task), Name(task) + ".json");

    private string FolderOf(TaskDocument task) => Path.Combine(folder, task.Job.Name);
}

/// <summary>What is said with a frozen message.</summary>
/// <param name="Job">What tells the job from others of its name, see <see cref="JobIdentity"/>.</param>
/// <param name="Round">The round.</param>
/// <param name="Model">The digest of the model that it was made of.</param>
/// <param name="Masks">The public half of the key that its masks are made of, in hex; null where there are none.</param>
/// <param name="Meaning">What its tensors are.</param>
/// <param name="Samples">The update's weight.</param>
/// <param name="Metrics">Figures by name.</param>
/// <param name="HeaderBytes">The bytes of the message's header.</param>
internal sealed record FrozenResult(string Job, int Round, string Model, string? Masks, MessageMeaning Meaning, long Samples, IReadOnlyDictionary<string, double> Metrics, int HeaderBytes);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(FrozenResult))]
internal sealed partial class FrozenJson : JsonSerializerContext;
