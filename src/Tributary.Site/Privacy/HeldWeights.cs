using Tributary.Codecs.Messages;
using Tributary.Tensors;
using Tributary.Tensors.Checkpoints;

namespace Tributary.Site.Privacy;

/// <summary>
/// The model of a round under secure aggregation, opened when the site made its keys of it. What is put under its name later, by whatever the server sends, is another file: training reads this one.
/// </summary>
internal sealed class HeldWeights : IDisposable
{
    /// <summary>Takes a model.</summary>
    /// <param name="digest">Its name, as the server gives it: of messages, and of no use against a server that makes up names.</param>
    /// <param name="file">The file it lies in.</param>
    /// <param name="weights">Its tensors, decoded.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    public HeldWeights(string digest, MessageFile file, TensorSource weights, CancellationToken cancellationToken) =>
        (Digest, File, Weights, Content) = (digest, file, weights, CheckpointDigest.Of(weights, cancellationToken));

    /// <summary>Its name.</summary>
    public string Digest { get; }

    /// <summary>Its file.</summary>
    public MessageFile File { get; }

    /// <summary>Its tensors.</summary>
    public TensorSource Weights { get; }

    /// <summary>SHA-256 over all its tensors, to which keys are bound: masks of sites that hold different models do not cancel.</summary>
    public string Content { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Weights.Dispose();
        File.Dispose();
    }
}
