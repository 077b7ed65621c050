using System.Collections.ObjectModel;
using System.Text.Json;
using System.Text.Json.Serialization;
using Tributary.Federation.Workflows;

namespace Tributary.Federation.Jobs;

/// <summary>
/// What a federation is to do: the part of a job file that server and sites both read. Where models and data lie is each party's own
/// affair and not in it.
/// </summary>
public sealed record Job
{
    /// <summary>The job's name: small letters, digits and hyphens.</summary>
    public required string Name { get; init; }

    /// <summary>The workflow that orchestrates it, such as <c>fedavg</c>.</summary>
    public string Workflow { get; init; } = "fedavg";

    /// <summary>The sites that take part, sorted by name.</summary>
    public required IReadOnlyList<string> Sites { get; init; }

    /// <summary>The number of rounds, at least 1.</summary>
    public int Rounds { get; init; } = 5;

    /// <summary>The precision of messages in both directions.</summary>
    public JobPrecision Precision { get; init; } = new("nf4", "nf4");

    /// <summary>The precision of messages that are whole models: where changes are exchanged the first one.</summary>
    [JsonIgnore]
    public JobPrecision WholePrecision => Exchange == Exchange.Delta ? Precision with { Task = Precision.Whole } : Precision;

    /// <summary>The precision of the job's last message to the sites.</summary>
    [JsonIgnore]
    public JobPrecision LastPrecision => Precision with { Task = Precision.Last ?? Precision.Task };

    /// <summary>Why what it asks for does not go together, whoever wrote it; null where it does.</summary>
    public string? Refuse() => RefusePrecision() ?? RefuseWorkflow()?.Reason ?? JobSecureAggregation.Refuse(this)?.Reason ?? JobPrivacy.Refuse(this)?.Reason;

    /// <summary>Why its precisions do not go with what it exchanges; null where they do.</summary>
    private string? RefusePrecision() => Exchange == Exchange.Weights && (JobPrecision.IsForChanges(Precision.Task) || JobPrecision.IsForChanges(Precision.Result))
        ? $"'precision' is {(JobPrecision.IsForChanges(Precision.Task) ? Precision.Task : Precision.Result)}, which ruins a model that is sent whole; exchange changes (delta), or take a finer one"
        : null;

    /// <summary>Why its workflow cannot have its messages, with the key that is in the way; null where it can.</summary>
    public (string Key, string Reason)? RefuseWorkflow()
    {
        if (Exchange != Exchange.Delta)
        {
            return null;
        }

        // The last message has to be of the global model, so that what it lost is the global model's to forget.
        if (TaskFeedback < 1 && Workflow is not (FedAvg.Name or FedBuff.Name))
        {
            return ("feedback", $"'feedback' to the sites can be less than all for the workflows {FedAvg.Name} and {FedBuff.Name}, and this is '{Workflow}', which sends other models in between; leave 'task' out of it");
        }

        return Workflow == CrossSiteEvaluation.Name && JobPrecision.IsForChanges(LastPrecision.Task)
            ? ("precision", $"'{Workflow}' sends each site's model once, and what {LastPrecision.Task} loses of it never arrives, so that another one would be measured; give 'last' (or 'task') one of {string.Join(", ", Codecs.Precision.All.Where(codec => !codec.IsForChanges).Select(codec => codec.Name))}")
            : null;
    }

    /// <summary>What messages say: the weights themselves, or their change.</summary>
    public Exchange Exchange { get; init; } = Exchange.Delta;

    /// <summary>
    /// How much a site keeps of what the precision lost of the change that it sent, to add it to the next: 1 for all of it, 0 for none.
    /// </summary>
    public double Feedback { get; init; } = 1;

    /// <summary>
    /// How much the server keeps of what the precision lost on the way to the sites, 0 to 1; null for all of it. Where messages carry little of a change the sites learn the same once more before it has
    /// reached them, and then it is better to forget some of it than to have it twice.
    /// </summary>
    public double? TaskFeedback { get; init; }

    /// <summary>Whether there is something to keep: weights are sent whole each time, and lose nothing for good.</summary>
    [JsonIgnore]
    public bool KeepsResiduals => Feedback > 0 && Exchange == Exchange.Delta && !AddsNoiseAtSites && Precision.Ring is null;

    /// <summary>Whether a site adds noise to its whole change: what that leaves has to go as it is, and nothing of it comes later.</summary>
    [JsonIgnore]
    public bool AddsNoiseAtSites => Privacy is { Unit: PrivacyUnit.Site, Noise: NoisePlace.Site };

    /// <summary>Whether what sites measure on their records, and how many these are, stays there.</summary>
    [JsonIgnore]
    public bool WithholdsFigures => Privacy is { Figures: PrivateFigures.Withheld };

    /// <summary>Whether results are integers of a ring that carry how many records they are of, so that their sum is a weighted one.</summary>
    [JsonIgnore]
    public bool CountsSamples => Precision.Ring is not null && Aggregation.Weights == UpdateWeights.Samples;

    /// <summary>Whether the number of a site's records is in the sum alone, so that nothing else may tell it.</summary>
    [JsonIgnore]
    public bool HidesSamples => CountsSamples && SecureAggregation is not null;

    /// <summary>
    /// Whether a site's message is made with noise or masks that must never hide another one: then it is whole on its disk before the first byte leaves, and a retry sends the same.
    /// </summary>
    [JsonIgnore]
    public bool FreezesResults => Privacy is { Unit: PrivacyUnit.Record } || AddsNoiseAtSites || SecureAggregation is not null;

    /// <summary>How much of a message is held in memory before it moves on.</summary>
    public Streaming Streaming { get; init; } = Streaming.File;

    /// <summary>The seed of everything that is drawn: the order of records, the held-out split.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>The share of each site's records that it does not train on but measures the loss on, above 0 and below 1.</summary>
    public double HeldOut { get; init; } = 0.1;

    /// <summary>How long a site may say nothing during a round before it counts as dead.</summary>
    public TimeSpan SiteTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// How often a site may try a task of a step again that it failed for a reason that may pass, as when its trainer's process was killed.
    /// </summary>
    public int TaskRetries { get; init; } = 1;

    /// <summary>
    /// How many of a round's sites have to return a result that counts; null for all of them. With fewer the job ends; with as many the round
    /// goes on without the others, once none of these is worth waiting for.
    /// </summary>
    public int? MinSites { get; init; }

    /// <summary>How many sites are drawn for each round; null for all of them.</summary>
    public JobSample? Sample { get; init; }

    /// <summary>
    /// After how long a round goes on with the results there are, where they are enough; null for when every site has returned one or cannot.
    /// A site that is sending its result at that moment is waited for while its bytes move.
    /// </summary>
    public TimeSpan? Deadline { get; init; }

    /// <summary>How <c>fedbuff</c> fills its buffer; null for other workflows and for what is usual.</summary>
    public JobBuffer? Buffer { get; init; }

    /// <summary>How the sites train.</summary>
    public JobTraining Train { get; init; } = new();

    /// <summary>How the updates of a round are screened and made one. A document without it means the defaults.</summary>
    public JobAggregation Aggregation { get; init => field = value ?? new(); } = new();

    /// <summary>What the server makes of a round's mean change; null where it is added as it is.</summary>
    public JobServerOptimizer? ServerOptimizer { get; init; }

    /// <summary>Differential privacy; null for none.</summary>
    public JobPrivacy? Privacy { get; init; }

    /// <summary>Secure aggregation; null where the server sees every update.</summary>
    public JobSecureAggregation? SecureAggregation { get; init; }
}

/// <summary>What a message says.</summary>
public enum Exchange
{
    /// <summary>The weights.</summary>
    Weights,

    /// <summary>The change against a base that both parties hold.</summary>
    Delta,
}

/// <summary>How much of a message is buffered before it moves on. All else is one pipeline; the bytes are the same.</summary>
public enum Streaming
{
    /// <summary>The whole message.</summary>
    Regular,

    /// <summary>A tensor.</summary>
    Container,

    /// <summary>A chunk of the spool file: constant memory.</summary>
    File,
}

/// <summary>How a record becomes the text that a model is trained on.</summary>
public enum RecordTemplate
{
    /// <summary>Headers in plain words, the same for every model.</summary>
    Plain,

    /// <summary>The model's own chat template, as it was published.</summary>
    Chat,
}

/// <summary>How a site trains between receiving a model and sending its update.</summary>
public sealed record JobTraining
{
    /// <summary>The trainer, by a name that the sites offer it under (<see cref="TrainerOffer"/>).</summary>
    public string Trainer { get; init; } = TrainerOffer.Builtin;

    /// <summary>What that trainer is told beside the settings here, by name: any JSON, but only what the sites' offers allow.</summary>
    public IReadOnlyDictionary<string, JsonElement> Options { get; init; } = ReadOnlyDictionary<string, JsonElement>.Empty;

    /// <summary>Passes over the site's records in each round.</summary>
    public int Epochs { get; init; } = 1;

    /// <summary>Records that are worked on together.</summary>
    public int BatchSize { get; init; } = 8;

    /// <summary>Batches in a step, as if they were one.</summary>
    public int GradientAccumulation { get; init; } = 1;

    /// <summary>The longest record in tokens, at least 64; of longer ones the middle of the prompt is left out.</summary>
    public int SequenceLength { get; init; } = 256;

    /// <summary>The template of records. In either the loss counts the response and what ends it.</summary>
    public RecordTemplate Template { get; init; } = RecordTemplate.Plain;

    /// <summary>AdamW's step size, where the schedule is highest.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>How the learning rate goes on after the warm-up, over all rounds of the job.</summary>
    public JobSchedule Schedule { get; init; }

    /// <summary>The steps, of all of the job's at a site, in which the learning rate rises from 0.</summary>
    public int WarmupSteps { get; init; }

    /// <summary>Those steps as a share of all; only one of the two is not 0.</summary>
    public double WarmupRatio { get; init; }

    /// <summary>AdamW's decoupled weight decay.</summary>
    public double WeightDecay { get; init; } = 0.01;

    /// <summary>What decays.</summary>
    public JobDecay Decay { get; init; }

    /// <summary>The largest global gradient norm; larger ones are scaled down to it.</summary>
    public double ClipNorm { get; init; } = 1;

    /// <summary>FedProx's mu: how strongly a site is held to the model that it received; 0 for plain FedAvg.</summary>
    public double ProximalMu { get; init; }

    /// <summary>What becomes of the optimizer's state between two rounds.</summary>
    public OptimizerState OptimizerState { get; init; }

    /// <summary>When a site ends a round's training early; null for never.</summary>
    public JobEarlyStop? EarlyStop { get; init; }

    /// <summary>The steps from one checkpoint of a round's training to the next, for a site that is killed; 0 for none.</summary>
    public int CheckpointEvery { get; init; }

    /// <summary>
    /// The tensors that nobody trains, by name, in which * stands for any run of characters; null for none. After the first message they are
    /// neither sent nor merged.
    /// </summary>
    public IReadOnlyList<string>? Freeze { get; init; }

    /// <summary>The adapters that are trained instead of the model's own weights; null where it is these.</summary>
    public JobLora? Lora { get; init; }
}
