using Tributary.Federation.Jobs;
using Tributary.Federation.Tasks;
using Tributary.Training;

namespace Tributary.Site;

/// <summary>What a deployed site trains with: the trainer inside, on the data and model that its configuration names, made anew for each job.</summary>
/// <param name="file">The site's configuration.</param>
public sealed class SiteTrainer(SiteFile file) : Executor
{
    private string? _job;
    private BuiltinTrainer? _trainer;

    /// <inheritdoc/>
    public override Task<TaskResult> ExecuteAsync(TaskData task, IProgress<TaskProgress> progress, CancellationToken cancellationToken)
    {
        if (_trainer is null || _job != task.Job.Name)
        {
            _trainer?.Dispose();
            _trainer = null;
            _trainer = Make(task.Job);
            _job = task.Job.Name;
        }

        return _trainer.ExecuteAsync(task, progress, cancellationToken);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _trainer?.Dispose();
        base.Dispose(disposing);
    }

    private BuiltinTrainer Make(Job job)
    {
        const string Remedy = "name it in site.yaml or when the site is started";
        if (TrainerOffer.Refuse(job.Train, []) is { } refusal)
        {
            throw new TaskFailedException(refusal);
        }

        var options = new BuiltinTrainerOptions
        {
            Site = file.Options.Name,
            DataPath = file.DataPath ?? throw new TaskFailedException($"the site has no data to train on; {Remedy} (data)"),
            ModelFolder = file.ModelFolder ?? throw new TaskFailedException($"the site has no model's tokenizer and configuration; {Remedy} (model)"),
            WorkFolder = Path.Combine(file.Options.Folder, "trainer"),
            Threads = Environment.ProcessorCount,
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
