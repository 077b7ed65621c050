using System.Text.Json;
using System.Text.Json.Serialization;
using Tributary.Federation.Jobs;

namespace Tributary.Site.Processes;

/// <summary>A line that a trainer's process writes on its stdout. docs/TRAINERS.md has an example of each.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type")]
[JsonDerivedType(typeof(TrainerReady), "ready")]
[JsonDerivedType(typeof(TrainerProgress), "progress")]
[JsonDerivedType(typeof(TrainerResult), "result")]
[JsonDerivedType(typeof(TrainerError), "error")]
[JsonDerivedType(typeof(TrainerAborted), "aborted")]
internal abstract record TrainerMessage;

/// <summary>The first line: the process can take tasks.</summary>
internal sealed record TrainerReady(int Protocol) : TrainerMessage;

/// <summary>How far a task has come; a figure that is not known is left out.</summary>
internal sealed record TrainerProgress(long Task, long Step = 0, long Steps = 0, double? Loss = null, double? TokensPerSecond = null) : TrainerMessage;

/// <summary>A task is done. The model's path is relative to the task's folder, and null where nothing was trained.</summary>
internal sealed record TrainerResult(long Task, Dictionary<string, double> Metrics, long Samples = 0, string? Model = null, bool Delta = false) : TrainerMessage;

/// <summary>A task cannot be done; the process can take the next one.</summary>
internal sealed record TrainerError(long Task, string Message) : TrainerMessage;

/// <summary>A task was given up as the site asked; the process can take the next one.</summary>
internal sealed record TrainerAborted(long Task) : TrainerMessage;

/// <summary>A line that the site writes on a trainer's stdin. That it has no more tasks it says by closing it.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type")]
[JsonDerivedType(typeof(SiteTask), "task")]
[JsonDerivedType(typeof(SiteAbort), "abort")]
internal abstract record SiteMessage;

/// <summary>A task. Paths are absolute.</summary>
internal sealed record SiteTask : SiteMessage
{
    public required long Task { get; init; }

    public required string Name { get; init; }

    public required string Job { get; init; }

    public required string Site { get; init; }

    public required int Round { get; init; }

    public required int Step { get; init; }

    /// <summary>The received model: a safetensors file of dense tensors, to be read only.</summary>
    public required string Model { get; init; }

    /// <summary>Where the trainer puts its result; emptied before the next task.</summary>
    public required string Folder { get; init; }

    /// <summary>The folder with config.json and tokenizer.json.</summary>
    public required string Checkpoint { get; init; }

    public required string Data { get; init; }

    public required int? Records { get; init; }

    public required double HeldOut { get; init; }

    /// <summary>The records to measure on; null where a share of the others is held out.</summary>
    public required string? HeldOutData { get; init; }

    /// <summary>How many rounds the job has.</summary>
    public required int Rounds { get; init; }

    public required ulong Seed { get; init; }

    public required SiteTraining Train { get; init; }

    public required IReadOnlyDictionary<string, JsonElement> Options { get; init; }
}

/// <summary>The job's settings of training, as <see cref="JobTraining"/> says what they mean; a script that does not know one should refuse it.</summary>
internal sealed record SiteTraining
{
    public required int Epochs { get; init; }

    public required int BatchSize { get; init; }

    public required int GradientAccumulation { get; init; }

    public required int SequenceLength { get; init; }

    public required RecordTemplate Template { get; init; }

    public required double LearningRate { get; init; }

    public required JobSchedule Schedule { get; init; }

    public required int WarmupSteps { get; init; }

    public required double WarmupRatio { get; init; }

    public required double WeightDecay { get; init; }

    public required JobDecay Decay { get; init; }

    public required double ClipNorm { get; init; }

    public required double ProximalMu { get; init; }

    public required OptimizerState OptimizerState { get; init; }

    public required JobEarlyStop? EarlyStop { get; init; }

    public required int CheckpointEvery { get; init; }

    /// <summary>The names of tensors to leave as they are, in which * stands for any run of characters; null for none. They are not sent back.</summary>
    public required IReadOnlyList<string>? Freeze { get; init; }

    /// <summary>The adapters that the received model is, and whose base lies in the checkpoint's folder; null where it is a whole model.</summary>
    public required JobLora? Lora { get; init; }

    /// <summary>As a job has them.</summary>
    public static SiteTraining Of(JobTraining train) => new()
    {
        Epochs = train.Epochs,
        BatchSize = train.BatchSize,
        GradientAccumulation = train.GradientAccumulation,
        SequenceLength = train.SequenceLength,
        Template = train.Template,
        LearningRate = train.LearningRate,
        Schedule = train.Schedule,
        WarmupSteps = train.WarmupSteps,
        WarmupRatio = train.WarmupRatio,
        WeightDecay = train.WeightDecay,
        Decay = train.Decay,
        ClipNorm = train.ClipNorm,
        ProximalMu = train.ProximalMu,
        OptimizerState = train.OptimizerState,
        EarlyStop = train.EarlyStop,
        CheckpointEvery = train.CheckpointEvery,
        Freeze = train.Freeze,
        Lora = train.Lora,
    };
}

/// <summary>The task is no longer wanted.</summary>
internal sealed record SiteAbort(long Task) : SiteMessage;

/// <summary>
/// How lines are written: snake_case, since most trainers are Python; NaN and infinities as words, so that a loss that is no number any more
/// is told as one and not as a fault of the protocol.
/// </summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    Converters = [typeof(SnakeCaseWords<RecordTemplate>), typeof(SnakeCaseWords<JobSchedule>), typeof(SnakeCaseWords<JobDecay>), typeof(SnakeCaseWords<OptimizerState>)],
    AllowOutOfOrderMetadataProperties = true,
    RespectRequiredConstructorParameters = true,
    RespectNullableAnnotations = true)]
[JsonSerializable(typeof(TrainerMessage))]
[JsonSerializable(typeof(SiteMessage))]
internal sealed partial class TrainerJson : JsonSerializerContext;

/// <summary>Writes the names of an enum as words.</summary>
internal sealed class SnakeCaseWords<T>() : JsonStringEnumConverter<T>(JsonNamingPolicy.SnakeCaseLower)
    where T : struct, Enum;
