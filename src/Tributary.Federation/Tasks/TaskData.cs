using Tributary.Federation.Jobs;
using Tributary.Tensors;

namespace Tributary.Federation.Tasks;

/// <summary>What a site is asked to do with a model.</summary>
/// <param name="Name">The task's name, one of <see cref="TaskNames"/> or a workflow's own.</param>
/// <param name="Job">The job it belongs to.</param>
/// <param name="Round">The round, from 1.</param>
/// <param name="Step">The step within the round, from 0.</param>
/// <param name="Model">The global model, dense and at its original precision, whatever precision it travelled in.</param>
public sealed record TaskData(string Name, Job Job, int Round, int Step, TensorSource Model);

/// <summary>The tasks that every trainer knows.</summary>
public static class TaskNames
{
    /// <summary>Measure the received model on the held-out records, train it, measure it again, return it.</summary>
    public const string Train = "train";

    /// <summary>Measure the received model on the held-out records.</summary>
    public const string Evaluate = "evaluate";
}

/// <summary>What a site answers.</summary>
/// <param name="Model">The trained model, dense: all of it, not its change. Null where the task trains nothing.</param>
/// <param name="Samples">The number of records trained on: the update's weight.</param>
/// <param name="Metrics">Figures by name; see <see cref="MetricNames"/>.</param>
public sealed record TaskResult(TensorSource? Model, long Samples, IReadOnlyDictionary<string, double> Metrics);

/// <summary>The names of the figures that workflows and reports read. Losses are nats per response token; times are seconds.</summary>
public static class MetricNames
{
    /// <summary>The held-out loss of the model as received.</summary>
    public const string ReceivedLoss = "received_loss";

    /// <summary>The held-out response tokens, the weight of held-out losses.</summary>
    public const string HeldOutTokens = "held_out_tokens";

    /// <summary>The mean training loss.</summary>
    public const string TrainLoss = "train_loss";

    /// <summary>The held-out loss of the model as trained.</summary>
    public const string LocalLoss = "local_loss";

    /// <summary>Where an adaptive precision chose it: begins the names of the shares of elements that came to the site in each precision, such as <c>down_share_int2</c>.</summary>
    public const string DownShare = "down_share_";

    /// <summary>The same of what the site sent, such as <c>up_share_int4</c>.</summary>
    public const string UpShare = "up_share_";

    /// <summary>e to the power of <see cref="ReceivedLoss"/>.</summary>
    public const string ReceivedPerplexity = "received_perplexity";

    /// <summary>e to the power of <see cref="LocalLoss"/>.</summary>
    public const string LocalPerplexity = "local_perplexity";

    /// <summary>Steps of the optimizer.</summary>
    public const string Steps = "steps";

    /// <summary>Tokens trained on in a second, as last told.</summary>
    public const string TokensPerSecond = "tokens_per_second";

    /// <summary>Tokens trained on.</summary>
    public const string Tokens = "tokens";

    /// <summary>Records trained on.</summary>
    public const string TrainRecords = "train_records";

    /// <summary>Records held out.</summary>
    public const string HeldOutRecords = "held_out_records";

    /// <summary>Records whose prompt was cut.</summary>
    public const string TruncatedRecords = "truncated_records";

    /// <summary>The L2 norm of the update, as the server measured it when it came.</summary>
    public const string UpdateNorm = "update_norm";

    /// <summary>Bytes received for the task.</summary>
    public const string BytesDown = "bytes_down";

    /// <summary>Bytes sent for the task.</summary>
    public const string BytesUp = "bytes_up";

    /// <summary>Bytes of those two that are messages' headers: names, shapes, precisions.</summary>
    public const string HeaderBytes = "header_bytes";

    /// <summary>Time to encode and send the result.</summary>
    public const string UploadSeconds = "upload_seconds";

    /// <summary>Time to receive the message.</summary>
    public const string DownloadSeconds = "download_seconds";

    /// <summary>Time to train.</summary>
    public const string TrainSeconds = "train_seconds";

    /// <summary>Time to measure held-out losses.</summary>
    public const string EvaluateSeconds = "evaluate_seconds";
}
