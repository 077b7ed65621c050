using Tributary.Tensors;

namespace Tributary.Training;

/// <summary>What a <see cref="Trainer"/> trains: all weights of a Llama, or adapters beside weights that stay as they are.</summary>
public abstract class TrainableModel : IDisposable
{
    /// <summary>The model's sizes and constants.</summary>
    public abstract LlamaConfig Config { get; }

    /// <summary>
    /// What is trained, as a source, dense F32. It is a view: it gives what the weights are when a tile is read, and nothing is copied
    /// before. It lives as long as the model.
    /// </summary>
    public abstract TensorSource Weights { get; }

    /// <summary>The Llama's own weights.</summary>
    internal abstract LlamaTensors Llama { get; }

    /// <summary>What is trained.</summary>
    internal abstract ParameterSet Trained { get; }

    /// <summary>Overwrites all that is trained.</summary>
    /// <param name="source">Dense F32, F16 or BF16 tensors with the names and shapes of <see cref="Weights"/>, in any order.</param>
    /// <exception cref="TensorFormatException">A tensor is missing, not expected, misshapen, or not of these types; nothing is overwritten.</exception>
    public abstract void CopyFrom(TensorSource source);

    /// <summary>Frees what the model holds. <see cref="Weights"/> cannot be read afterwards.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees what the model holds.</summary>
    protected abstract void Dispose(bool disposing);

    /// <summary>Gradients of what is trained, or anything else of its shapes: zeros.</summary>
    internal abstract ParameterSet NewGradients();
}
