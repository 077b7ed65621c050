using Tributary.Codecs;
using Tributary.Configuration;
using Tributary.Federation.Workflows;

namespace Tributary.Federation.Jobs;

/// <summary>A site as a job file for a simulation names it.</summary>
/// <param name="Name">The site's name.</param>
/// <param name="Data">Its records: a JSONL file, relative to the job file or to the folder given with --data.</param>
/// <param name="Records">Take only that many of the file's first records; null for all.</param>
/// <param name="HeldOut">
/// The records that the loss is measured on: a JSONL file of their own, relative as <paramref name="Data"/> is; null where they are a share
/// of it.
/// </param>
public sealed record JobFileSite(string Name, string Data, int? Records, string? HeldOut = null);

/// <summary>A job file: the job, and where a simulation finds its model and data.</summary>
public sealed record JobFile
{
    private static readonly string[] WorkflowNames = [.. Controllers.Names];

    /// <summary>The job.</summary>
    public required Job Job { get; init; }

    /// <summary>The model's checkpoint folder, relative to the job file; null where the command line must say.</summary>
    public required string? Model { get; init; }

    /// <summary>The sites, sorted by name; none where only the data of <see cref="Virtual"/> can say which there are.</summary>
    public required IReadOnlyList<JobFileSite> Sites { get; init; }

    /// <summary>What the sites are made of where the file does not name them; null where it does.</summary>
    public VirtualSites? Virtual { get; init; }

    /// <summary>The trainers that its sites offer beside the one inside, sorted by name.</summary>
    public IReadOnlyList<TrainerOffer> Trainers { get; init; } = [];

    /// <summary>The file of sensitivities that an adaptive precision goes by, relative to the job file; null for none.</summary>
    public string? Sensitivity { get; init; }

    /// <summary>Reads a job file for a simulation.</summary>
    /// <param name="yaml">Its text.</param>
    /// <param name="name">What to call it in errors.</param>
    /// <exception cref="YamlFileException">Keys or values are wrong; the message lists all of them, each with its line.</exception>
    public static JobFile Parse(string yaml, string name) => Parse(yaml, name, isSubmitted: false);

    /// <summary>Reads a job file that is submitted to a server: its sites have their own data and trainers, whatever the file says of those.</summary>
    /// <param name="yaml">Its text.</param>
    /// <param name="name">What to call it in errors.</param>
    /// <exception cref="YamlFileException">Keys or values are wrong; the message lists all of them, each with its line.</exception>
    public static JobFile ParseSubmitted(string yaml, string name) => Parse(yaml, name, isSubmitted: true);

    private static JobFile Parse(string yaml, string name, bool isSubmitted)
    {
        var errors = new List<YamlFileError>();
        YamlMap map = YamlMap.Load(yaml, name, "samples/quickstart/job.yaml", errors);
        (JobFileSite[] sites, VirtualSites? virtualSites) = isSubmitted ? (JobFileSites.ReadNames(map), null) : JobFileSites.Read(map);
        TrainerOffer[] trainers = TrainerOffers.Read(map.Map("trainers"));
        var defaults = new Job { Name = string.Empty, Sites = [] };
        (string? workflow, JobBuffer? buffer) = JobFileRounds.ReadWorkflow(map, WorkflowNames, sites.Length);
        (double? Task, double? Result) feedback = JobFileMessages.ReadFeedback(map);
        var job = new Job
        {
            Name = map.Text("name") ?? map.Missing("name", "a name for the job"),
            Workflow = workflow ?? defaults.Workflow,
            Buffer = buffer,
            Sites = [.. sites.Select(site => site.Name)],
            Rounds = (int)(map.Integer("rounds", 1, 100_000) ?? defaults.Rounds),
            Precision = JobFileMessages.ReadPrecision(map) ?? defaults.Precision,
            Exchange = map.Choice<Exchange>("exchange") ?? defaults.Exchange,
            Feedback = feedback.Result ?? defaults.Feedback,
            TaskFeedback = feedback.Task,
            Streaming = map.Choice<Streaming>("streaming") ?? defaults.Streaming,
            Seed = (ulong)(map.Integer("seed", 0, long.MaxValue) ?? (long)defaults.Seed),
            HeldOut = map.Number("held_out", 0, 1, inclusive: false) ?? defaults.HeldOut,
            SiteTimeout = map.Number("site_timeout", 0, 86_400, inclusive: false) is { } seconds ? TimeSpan.FromSeconds(seconds) : defaults.SiteTimeout,
            TaskRetries = (int)(map.Integer("task_retries", 0, 100) ?? defaults.TaskRetries),
            Train = ReadTraining(map.Map("train"), defaults.Train, isSubmitted ? null : trainers),
        };
        job = JobFilePrivacy.Read(map, JobFileAggregation.Read(map, JobFileRounds.Read(map, JobFileMessages.Check(map, job))));
        if (job.Name.Length > 0)
        {
            map.CheckName("name", job.Name);
        }

        string? model = map.Text("model");
        string? sensitivity = JobFileMessages.ReadSensitivity(map);
        map.RefuseOtherKeys();
        return errors.Count == 0 ? new JobFile { Job = job, Model = model, Sites = sites, Virtual = virtualSites, Trainers = trainers, Sensitivity = sensitivity } : throw new YamlFileException(name, errors);
    }

    private static JobTraining ReadTraining(YamlMap? map, JobTraining defaults, TrainerOffer[]? trainers)
    {
        if (map is null)
        {
            return defaults;
        }

        var training = new JobTraining
        {
            Trainer = map.Text("trainer") ?? defaults.Trainer,
            Options = map.Json("options") ?? defaults.Options,
            Epochs = (int)(map.Integer("epochs", 1, 10_000) ?? defaults.Epochs),
            BatchSize = (int)(map.Integer("batch_size", 1, 65_536) ?? defaults.BatchSize),
            GradientAccumulation = (int)(map.Integer("gradient_accumulation", 1, 65_536) ?? defaults.GradientAccumulation),
            SequenceLength = (int)(map.Integer("sequence_length", 64, 1_048_576) ?? defaults.SequenceLength),
            Template = map.Choice<RecordTemplate>("template") ?? defaults.Template,
            LearningRate = map.Number("learning_rate", 0, 10, inclusive: false) ?? defaults.LearningRate,
            Schedule = map.Choice<JobSchedule>("schedule") ?? defaults.Schedule,
            WarmupSteps = (int)(map.Integer("warmup_steps", 0, 1_000_000) ?? defaults.WarmupSteps),
            WarmupRatio = map.Number("warmup_ratio", 0, 1, inclusive: true) ?? defaults.WarmupRatio,
            WeightDecay = map.Number("weight_decay", 0, 1, inclusive: true) ?? defaults.WeightDecay,
            Decay = map.Choice<JobDecay>("decay") ?? defaults.Decay,
            ClipNorm = map.Number("clip_norm", 0, 1e9, inclusive: false) ?? defaults.ClipNorm,
            ProximalMu = map.Number("proximal_mu", 0, 1e6, inclusive: true) ?? defaults.ProximalMu,
            OptimizerState = map.Choice<OptimizerState>("optimizer_state") ?? defaults.OptimizerState,
            EarlyStop = JobFileTraining.ReadEarlyStop(map.Map("early_stop")),
            CheckpointEvery = (int)(map.Integer("checkpoint_every", 1, int.MaxValue) ?? defaults.CheckpointEvery),
            Freeze = map.Texts("freeze"),
            Lora = JobFileTraining.ReadLora(map.Map("lora")),
        };
        if (training is { Freeze: not null, Lora: not null })
        {
            map.Wrong("freeze", "'lora' trains adapters only, and all of the model's own tensors stay as they are; remove 'freeze'");
        }

        if (training is { WarmupSteps: > 0, WarmupRatio: > 0 })
        {
            map.Wrong("warmup_ratio", "'warmup_steps' is given too, and the warm-up has one length; remove one of them");
        }

        // What trainers there are, and what these allow, only the sites know where the job is not for a simulation.
        if (trainers is not null && TrainerOffer.Refuse(training, trainers) is { } reason)
        {
            map.Wrong(training.Options.Count > 0 && TrainerOffer.Refuse(training with { Options = defaults.Options }, trainers) is null ? "options" : "trainer", reason);
        }

        map.RefuseOtherKeys();
        return training;
    }
}
