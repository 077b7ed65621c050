using Tributary.Tensors;

namespace Tributary.Training;

/// <summary>What a training reads and leaves on disk beside the weights. Files are there whole or not at all.</summary>
/// <remarks>An optimizer's state is 8 bytes a trained parameter, a checkpoint 12, and 16 with an early stop.</remarks>
public sealed record TrainingFiles
{
    /// <summary>The optimizer's state to begin with, as an earlier training left it; null to begin afresh.</summary>
    public string? OptimizerFrom { get; init; }

    /// <summary>Where to leave the optimizer's state after the last step; null for nowhere.</summary>
    public string? OptimizerTo { get; init; }

    /// <summary>
    /// The checkpoint that the training writes as it goes, and goes on from if the file is one of the same training of the same weights; one of
    /// another is written over. It stays when the training ends. Null for none.
    /// </summary>
    public string? Checkpoint { get; init; }

    /// <summary>The steps from one checkpoint to the next, at least 1.</summary>
    public int CheckpointEvery { get; init; } = 1;

    /// <summary>SCAFFOLD's control variates; null where gradients are not corrected. Not together with a checkpoint, nor in a private training.</summary>
    public ControlVariate? Control { get; init; }
}

/// <summary>
/// SCAFFOLD's control variates (Karimireddy et al. 2020, algorithm 1): each step's gradient gets the global one minus the local one added, and
/// the new local one is the mean of the gradients before that.
/// </summary>
/// <param name="Global">The global one: tensors of the names and shapes of those that are trained.</param>
/// <param name="LocalFrom">The file of the local one, as an earlier training left it; null for zeros.</param>
/// <param name="LocalTo">Where to leave the new local one.</param>
/// <remarks>
/// The mean of the gradients is the paper's option II, (x - y) / (K eta), written so that it does not depend on the optimizer: with SGD the two
/// are the same. It takes 8 bytes a trained parameter.
/// </remarks>
public sealed record ControlVariate(TensorSource Global, string? LocalFrom, string LocalTo);
