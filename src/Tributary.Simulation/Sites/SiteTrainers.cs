using Tributary.Federation.Jobs;
using Tributary.Federation.Tasks;
using Tributary.Site;
using Tributary.Site.Processes;
using Tributary.Training;

namespace Tributary.Simulation.Sites;

/// <summary>Makes the trainers of a run's sites. What all of them need, tokenizer and shared records, is read once.</summary>
/// <param name="options">The run.</param>
/// <param name="sites">Its sites.</param>
/// <param name="model">What they exchange.</param>
/// <param name="parallel">How many of them work at once.</param>
/// <param name="time">The clock.</param>
internal sealed class SiteTrainers(SimulationOptions options, SimulatedSites sites, ExchangedModel model, int parallel, TimeProvider time)
{
    private readonly bool _takeTurns = parallel < sites.JobFile.Sites.Count;
    private RecordReader? _reader;
    private InstructionDataset? _shared;

    /// <exception cref="UsageException">A site's records are not there, or nobody offers the trainer.</exception>
    /// <exception cref="TrainingDataException">Its records cannot be used.</exception>
    /// <exception cref="ModelFormatException">The model's folder cannot be used.</exception>
    public Executor Make(JobFileSite site)
    {
        string data = Path.Combine(options.DataFolder, site.Data);
        if (!File.Exists(data))
        {
            throw new UsageException($"{data}: the records of site '{site.Name}' are not there; mend 'data' in the job file, or say with --data where its files lie");
        }

        string? heldOut = site.HeldOut is { } path ? Path.Combine(options.DataFolder, path) : null;
        JobTraining train = model.Job.Train;
        if (TrainerOffer.Refuse(train, options.File.Trainers) is { } refusal)
        {
            throw new UsageException(refusal);
        }

        return options.File.Trainers.FirstOrDefault(offer => offer.Name == train.Trainer) is { } offer
            ? InProcess(site, offer, data, heldOut)
            : Inside(site, data, heldOut);
    }

    private BuiltinTrainer Inside(JobFileSite site, string data, string? heldOut)
    {
        RecordReader reader = _reader ??= new RecordReader(options.ModelFolder, model.Job.Train);
        InstructionDataset? records = sites.ShareOf(site.Name) is { } share ? (_shared ??= reader.Read(data)).Select(share) : null;
        var place = new BuiltinTrainerOptions
        {
            Site = site.Name,
            ModelFolder = options.ModelFolder,
            Base = model.Frozen,
            DataPath = data,
            Reader = reader,
            Records = records,
            RecordsMax = site.Records,
            HeldOutPath = heldOut,
            WorkFolder = RunFolder.TrainerWork(options.OutFolder, site.Name),
            TakesTurns = _takeTurns,
            Time = time,
            Threads = Math.Max(1, Environment.ProcessorCount / parallel),
        };
        return new BuiltinTrainer(place, model.Job);
    }

    private ProcessTrainer InProcess(JobFileSite site, TrainerOffer offer, string data, string? heldOut)
    {
        // Where sites take turns, a process that waited for its site's next turn would hold its model meanwhile.
        TrainerOffer kept = _takeTurns ? offer with { Lifetime = TrainerLifetime.Task } : offer;
        var place = new TrainerPlace
        {
            Site = site.Name,
            WorkingFolder = options.TrainerFolder,
            TaskFolder = RunFolder.TrainerWork(options.OutFolder, site.Name),
            Checkpoint = options.ModelFolder,
            Data = sites.ShareOf(site.Name) is null ? data : RunFolder.TrainerRecords(options.OutFolder, site.Name),
            RecordsMax = site.Records,
            HeldOutPath = heldOut,
            LogPath = RunFolder.TrainerLog(options.OutFolder, site.Name),
        };
        return new ProcessTrainer(kept, place, time);
    }
}
