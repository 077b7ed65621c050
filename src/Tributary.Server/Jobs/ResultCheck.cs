using Tributary.Codecs.Adaptive;
using Tributary.Codecs.Messages;
using Tributary.Federation.Aggregation;
using Tributary.Federation.Filters;
using Tributary.Federation.Jobs;
using Tributary.Federation.Messages;
using Tributary.Federation.Tasks;
using Tributary.Federation.Workflows;
using Tributary.Privacy.Rings;
using Tributary.Server.Storage;
using Tributary.Tensors;

namespace Tributary.Server.Jobs;

/// <summary>
/// Looks at a result before it counts, all of it: what is wrong with it is its site's failure, said to the site while it can be mended, and
/// not the merge's.
/// </summary>
internal sealed class ResultCheck(Job job, JobFolder folder, FilterPipeline resultIn)
{
    /// <summary>The result with the norm of its update among its figures, and where a precision was chosen for each tensor with what was.</summary>
    /// <param name="request">The task it answers.</param>
    /// <param name="result">The result; its message is in the spool.</param>
    /// <param name="sent">The digest of the model that the task's message makes.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="MessageRefusedException">It is not what the job exchanges, or its change is against another model.</exception>
    /// <exception cref="TensorFormatException">The message cannot be read, its tensors are not the model's, or a value is none.</exception>
    public ResultRow Look(TaskRequest request, ResultRow result, string? sent, CancellationToken cancellationToken)
    {
        if (result.Meaning is not { } meaning)
        {
            return result;
        }

        MessageKind expected = job.Exchange == Exchange.Delta ? MessageKind.Delta : MessageKind.Weights;
        if (meaning.Kind != expected || (meaning.Base is null) != (expected == MessageKind.Weights))
        {
            string text = meaning.Base is null ? "against no model" : "against a model";
            throw new MessageRefusedException($"the message says that it is {meaning.Kind} {text}, but this job exchanges {job.Exchange}; it was not applied");
        }

        meaning.RequireBase(sent);
        if (result.Digest is null)
        {
            return result;
        }

        if (job.Precision.Ring is { } ring)
        {
            CheckIntegers(folder.Spool(result.Round, result.Step, result.Site), RingTensors.Of(job, TrainedTensors.Of(request.Model.Weights, job.Train).Manifest), ring.Bits);
            return result;
        }

        var metrics = new Dictionary<string, double>(result.Metrics, StringComparer.Ordinal);
        AddUpdate(metrics, folder.Spool(result.Round, result.Step, result.Site), TrainedTensors.Of(request.Model.Weights, job.Train), cancellationToken);
        return result with { Metrics = metrics };
    }

    /// <summary>Whether a message has the job's tensors as packed integers. Any integers are some of the ring, and of masked ones nothing more can be said.</summary>
    private static void CheckIntegers(string path, TensorManifest tensors, int bits)
    {
        try
        {
            using var message = MessageFile.Open(path);
            _ = new UnpackedSource(message, tensors, bits);
        }
        catch (TensorFormatException e)
        {
            throw new TensorFormatException(e.Message.Replace(path, "the message", StringComparison.Ordinal), e);
        }
    }

    private void AddUpdate(Dictionary<string, double> metrics, string path, TensorSource model, CancellationToken cancellationToken)
    {
        try
        {
            using var message = MessageFile.Open(path);
            Manifests.Align(model.Manifest, message.Manifest);
            using TensorSource update = resultIn.Apply(message);
            metrics[MetricNames.UpdateNorm] = UpdateNorm.Of(job.Exchange == Exchange.Delta ? update : new DeltaSource(update, model), cancellationToken);
            if (job.Precision.Result is JobPrecision.Adaptive or JobPrecision.Auto)
            {
                foreach ((string precision, double share) in PrecisionShares.Of(message.Manifest))
                {
                    metrics[MetricNames.UpShare + precision] = share;
                }
            }
        }
        catch (TensorFormatException e)
        {
            // It goes to the site, whom the spool does not concern.
            throw new TensorFormatException(e.Message.Replace(path, "the message", StringComparison.Ordinal), e);
        }
    }
}
