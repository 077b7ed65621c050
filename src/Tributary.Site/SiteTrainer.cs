using System.Text.Json;
using Tributary.Federation.Jobs;
using Tributary.Federation.Tasks;
using Tributary.Federation.Wire;
using Tributary.Site.Processes;
using Tributary.Training;

namespace Tributary.Site;

/// <summary>
/// What a deployed site trains with: the trainer inside or one of its own processes, as its configuration offers them, on the data and model that this
/// names. Made anew for each job, and kept until a task of another one comes.
/// </summary>
/// <param name="file">The site's configuration.</param>
/// <param name="time">The clock.</param>
public sealed class SiteTrainer(SiteFile file, TimeProvider time) : Executor
{
    private const string Remedy = "name it in site.yaml or when the site is started";

    private readonly TrainerOffer[] _offers = [.. file.Trainers.Select(trainer => trainer.Offer)];
    private string? _job;
    private Executor? _trainer;

    /// <inheritdoc/>
    public override string? Refuse(Job job)
    {
        if (TrainerOffer.Refuse(job.Train, _offers, file.OffersBuiltin) is { } refusal)
        {
            return refusal;
        }

        if (DataFor(job) is not { } data)
        {
            return $"the site has no data to train on; {Remedy} (data)";
        }

        return file.ModelFolder is null ? $"the site has no model's tokenizer and configuration; {Remedy} (model)"
            : !Path.Exists(data) ? $"{data}: the records that the site trains on are not there; {Remedy} (data)"
            : null;
    }

    /// <inheritdoc/>
    public override Task<TaskResult> ExecuteAsync(TaskData task, IProgress<TaskProgress> progress, CancellationToken cancellationToken)
    {
        // Its name alone does not tell a job from one that was deleted and submitted anew with other settings.
        string job = JsonSerializer.Serialize(task.Job, WireJson.Default.Job);
        if (_trainer is null || _job != job)
        {
            _trainer?.Dispose();
            _trainer = null;
            _trainer = Make(task.Job);
            _job = job;
        }

        return _trainer.ExecuteAsync(task, progress, cancellationToken);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _trainer?.Dispose();
        base.Dispose(disposing);
    }

    private string? DataFor(Job job) =>
        (job.Train.Trainer == TrainerOffer.Builtin ? file.BuiltinDataPath : file.Trainers.First(trainer => trainer.Offer.Name == job.Train.Trainer).DataPath) ?? file.DataPath;

    private Executor Make(Job job)
    {
        if (Refuse(job) is { } refusal)
        {
            throw new TaskFailedException(refusal);
        }

        return _offers.FirstOrDefault(offer => offer.Name == job.Train.Trainer) is { } offer ? InProcess(offer, DataFor(job)!) : Inside(job, DataFor(job)!);
    }

    private ProcessTrainer InProcess(TrainerOffer offer, string data)
    {
        var place = new TrainerPlace
        {
            Site = file.Options.Name,
            WorkingFolder = file.Options.Kit?.Folder ?? Environment.CurrentDirectory,
            TaskFolder = Path.Combine(file.Options.Folder, "trainer-task"),
            Checkpoint = file.ModelFolder!,
            Data = data,
            LogPath = Path.Combine(file.Options.Folder, "logs", $"{offer.Name}.log"),
        };
        return new ProcessTrainer(offer, place, time);
    }

    private BuiltinTrainer Inside(Job job, string data)
    {
        var options = new BuiltinTrainerOptions
        {
            Site = file.Options.Name,
            DataPath = data,
            ModelFolder = file.ModelFolder!,
            WorkFolder = Path.Combine(file.Options.Folder, "trainer"),
            Threads = Environment.ProcessorCount,
            Budget = file.Options.Rules.Privacy,
            Time = time,
        };
        try
        {
            return new BuiltinTrainer(options, job);
        }
        catch (Exception e) when (e is TrainingDataException or ModelFormatException or IOException)
        {
            throw new TaskFailedException(e.Message, e);
        }
    }
}
