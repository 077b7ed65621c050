using Tributary.Tensors.Checkpoints;

namespace Tributary.Training;

/// <summary>
/// A Llama that nobody trains, in fp32 memory, and the digest by which others know it. Read only, so all sites of a simulation share one.
/// </summary>
public sealed class FrozenBase : IDisposable
{
    private FrozenBase(string folder, LlamaModel model, string digest)
    {
        Folder = folder;
        Model = model;
        Digest = digest;
    }

    /// <summary>The checkpoint folder that it was read from.</summary>
    public string Folder { get; }

    /// <summary>The model. Do not train or overwrite it.</summary>
    public LlamaModel Model { get; }

    /// <summary>Its <see cref="CheckpointDigest"/>: of the weights as they lie in the folder.</summary>
    public string Digest { get; }

    /// <summary>Reads a checkpoint folder.</summary>
    /// <exception cref="ModelFormatException">The folder has no config.json of a Llama.</exception>
    /// <exception cref="Tensors.TensorFormatException">The weights cannot be read, or are not those of the config.json.</exception>
    /// <exception cref="FileNotFoundException">There are no weights.</exception>
    public static FrozenBase Load(string folder, CancellationToken cancellationToken = default)
    {
        LlamaConfig config = LlamaConfig.Load(folder);
        using Checkpoint checkpoint = Checkpoint.Open(folder);
        LlamaModel model = LlamaModel.Load(config, checkpoint);
        try
        {
            return new FrozenBase(folder, model, CheckpointDigest.Of(checkpoint, cancellationToken));
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Model.Dispose();
}
