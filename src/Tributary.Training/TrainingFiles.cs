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
}
