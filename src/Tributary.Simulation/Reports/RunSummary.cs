namespace Tributary.Simulation.Reports;

/// <summary>
/// What came of a run: the document that <c>simulate --json</c> prints and that the report is drawn from. Losses are mean
/// cross-entropy per response token in nats; bytes are what crossed the wire, headers and all; times are seconds.
/// </summary>
public sealed record RunSummary
{
    /// <summary>The job's name.</summary>
    public required string Job { get; init; }

    /// <summary>The workflow, such as <c>fedavg</c>.</summary>
    public required string Workflow { get; init; }

    /// <summary>The precision of task data, server to site.</summary>
    public required string TaskPrecision { get; init; }

    /// <summary>The precision of task results, site to server.</summary>
    public required string ResultPrecision { get; init; }

    /// <summary><c>weights</c> or <c>delta</c>.</summary>
    public required string Exchange { get; init; }

    /// <summary><c>regular</c>, <c>container</c> or <c>file</c>.</summary>
    public required string Streaming { get; init; }

    /// <summary>The job's seed.</summary>
    public required ulong Seed { get; init; }

    /// <summary>When the run began.</summary>
    public required DateTimeOffset Started { get; init; }

    /// <summary>The version of Tributary that ran.</summary>
    public required string Version { get; init; }

    /// <summary>The model that is trained and travels.</summary>
    public required ModelSummary Model { get; init; }

    /// <summary>Where that is adapters: the model that they belong to and that stays as it is.</summary>
    public BaseSummary? Base { get; init; }

    /// <summary>The sites, sorted by name.</summary>
    public required IReadOnlyList<SiteSummary> Sites { get; init; }

    /// <summary>The initial global model's held-out loss, as the sites measured it on what they received before they trained. Null, as are all losses, where sites withhold them.</summary>
    public required double? InitialLoss { get; init; }

    /// <summary>The last global model's held-out loss.</summary>
    public required double? FinalLoss { get; init; }

    /// <summary>The lowest held-out loss of any global model.</summary>
    public required double? BestLoss { get; init; }

    /// <summary>The round whose global model has that loss; 0 is the initial model.</summary>
    public required int BestRound { get; init; }

    /// <summary>The rounds in order.</summary>
    public required IReadOnlyList<RoundSummary> Rounds { get; init; }

    /// <summary>Where a workflow measured every site's model at every site: a row for each model, in the order of the sites; else empty.</summary>
    public IReadOnlyList<CrossSiteRow> CrossSite { get; init; } = [];

    /// <summary>Bytes from the server to the sites, all rounds and the last evaluation.</summary>
    public required long BytesDown { get; init; }

    /// <summary>Bytes from the sites to the server.</summary>
    public required long BytesUp { get; init; }

    /// <summary>Bytes of both that are messages' headers: names, shapes, precisions.</summary>
    public long HeaderBytes { get; init; }

    /// <summary>What the same messages would be in fp32, down.</summary>
    public required long Fp32BytesDown { get; init; }

    /// <summary>What the same messages would be in fp32, up.</summary>
    public required long Fp32BytesUp { get; init; }

    /// <summary>The process's peak resident set (VmHWM): server and all sites together.</summary>
    public required long PeakRssBytes { get; init; }

    /// <summary>From start to end.</summary>
    public required double Seconds { get; init; }

    /// <summary>Where the results lie.</summary>
    public required RunPaths Paths { get; init; }

    /// <summary>The run's differential privacy; null where it has none.</summary>
    public PrivacySummary? Privacy { get; init; }

    /// <summary>Whether the server learnt sums alone.</summary>
    public bool SecureAggregation { get; init; }

    /// <summary>Why the run ended with rounds left, as where its privacy budget allowed no more; null where it has run all.</summary>
    public string? EndedEarly { get; init; }
}

/// <summary>What a run guarantees and has spent of differential privacy; docs/PRIVACY.md says what that states.</summary>
/// <param name="Unit">Whose part is hidden: <c>record</c> or <c>site</c>.</param>
/// <param name="Epsilon">Epsilon of all rounds.</param>
/// <param name="Delta">Delta.</param>
/// <param name="Budget">Epsilon that the job may spend; null for any.</param>
/// <param name="Clip">The bound on one unit's contribution, an L2 norm.</param>
/// <param name="NoiseMultiplier">The noise over that bound.</param>
/// <param name="SamplingRate">Each record's probability of being in a step; null where nothing is sampled.</param>
/// <param name="NoiseAt">Who adds the noise: <c>sites</c> or <c>server</c>.</param>
/// <param name="FiguresWithheld">Whether losses and counts stay at the sites; told, they are outside of what is guaranteed.</param>
public sealed record PrivacySummary(
    string Unit, double Epsilon, double Delta, double? Budget, double Clip, double NoiseMultiplier, double? SamplingRate, string NoiseAt, bool FiguresWithheld);

/// <summary>The size of the model.</summary>
/// <param name="Name">Its folder's name.</param>
/// <param name="Tensors">The number of tensors.</param>
/// <param name="Parameters">The number of elements of all tensors.</param>
/// <param name="Fp32Bytes">Four bytes for each.</param>
public sealed record ModelSummary(string Name, int Tensors, long Parameters, long Fp32Bytes);

/// <summary>The base of adapters.</summary>
/// <param name="Path">Its folder, absolute.</param>
/// <param name="Digest">Its weights' digest, which a job file may name it by.</param>
/// <param name="Parameters">The number of elements of all its tensors.</param>
public sealed record BaseSummary(string Path, string Digest, long Parameters);

/// <summary>A site and its data.</summary>
/// <param name="Name">The site's name.</param>
/// <param name="TrainRecords">Records it trains on.</param>
/// <param name="HeldOutRecords">Records it measures the loss on.</param>
/// <param name="TruncatedRecords">Records whose prompt was cut to fit the sequence.</param>
public sealed record SiteSummary(string Name, int TrainRecords, int HeldOutRecords, int TruncatedRecords);

/// <summary>A round. Its global loss is that of the model the round produced.</summary>
/// <param name="Round">The round, from 1.</param>
/// <param name="GlobalLoss">
/// The mean held-out loss of the sites, weighted by held-out response tokens; null where no site measured this model, as may be where sites do
/// not wait for each other.
/// </param>
/// <param name="Seconds">From the round's start until its new global model was durable. It starts beside the merge of the round before.</param>
/// <param name="EncodeSeconds">Time the server took to write the round's message, with what it waited for that merge.</param>
/// <param name="MergeSeconds">Time the server took to merge the updates, beside which the next round's message is written already.</param>
/// <param name="BytesDown">Bytes to all sites.</param>
/// <param name="BytesUp">Bytes from all sites.</param>
/// <param name="Sites">The part of each site that trained, sorted by name.</param>
public sealed record RoundSummary(
    int Round,
    double? GlobalLoss,
    double Seconds,
    double EncodeSeconds,
    double MergeSeconds,
    long BytesDown,
    long BytesUp,
    IReadOnlyList<SiteRoundSummary> Sites)
{
    /// <summary>The sites that the round went on without, by step and name; not those that were not drawn for it.</summary>
    public IReadOnlyList<LeftOutSite> LeftOut { get; init; } = [];

    /// <summary>Where a precision is chosen for each tensor, what was for the message to the sites; else empty.</summary>
    public IReadOnlyList<ChosenPrecision> ChosenDown { get; init; } = [];

    /// <summary>The same of the messages to the server, the mean of the sites.</summary>
    public IReadOnlyList<ChosenPrecision> ChosenUp { get; init; } = [];

    /// <summary>Epsilon of this round and all before it; null where the run has no differential privacy.</summary>
    public double? Epsilon { get; init; }
}

/// <summary>How much of a message is in a precision that was chosen for some of its tensors.</summary>
/// <param name="Precision">Its name.</param>
/// <param name="Share">The share of the elements, from 0 to 1.</param>
public sealed record ChosenPrecision(string Precision, double Share);

/// <summary>A site whose result does not count in a round.</summary>
/// <param name="Site">The site.</param>
/// <param name="State">How its part ended: failed, refused, dead, away or late.</param>
/// <param name="Reason">Why.</param>
public sealed record LeftOutSite(string Site, string State, string Reason);

/// <summary>A model and what it came to at each site.</summary>
/// <param name="Model">The site that trained it.</param>
/// <param name="Losses">The held-out loss by the name of the site that measured it.</param>
public sealed record CrossSiteRow(string Model, IReadOnlyDictionary<string, double> Losses);

/// <summary>A site's part in a round.</summary>
/// <param name="Site">The site.</param>
/// <param name="ReceivedLoss">Held-out loss of the model it received.</param>
/// <param name="TrainLoss">Mean training loss of the round.</param>
/// <param name="LocalLoss">Held-out loss of the model it trained.</param>
/// <param name="Samples">The weight of its update.</param>
/// <param name="Tokens">Tokens it trained on, prompt and response.</param>
/// <param name="BytesDown">Bytes it received.</param>
/// <param name="BytesUp">Bytes it sent.</param>
/// <param name="DownloadSeconds">Time to receive and decode.</param>
/// <param name="TrainSeconds">Time to train.</param>
/// <param name="EvaluateSeconds">Time to measure held-out losses.</param>
/// <param name="UploadSeconds">Time to encode and send.</param>
public sealed record SiteRoundSummary(
    string Site,
    double? ReceivedLoss,
    double? TrainLoss,
    double? LocalLoss,
    long Samples,
    long Tokens,
    long BytesDown,
    long BytesUp,
    double DownloadSeconds,
    double TrainSeconds,
    double EvaluateSeconds,
    double UploadSeconds);

/// <summary>Where the results lie, absolute.</summary>
/// <param name="Report">report.html.</param>
/// <param name="Metrics">metrics.jsonl.</param>
/// <param name="Model">The last global model: a Hugging Face checkpoint folder, or adapters in PEFT's layout.</param>
/// <param name="BestModel">The best round's.</param>
public sealed record RunPaths(string Report, string Metrics, string Model, string BestModel);
