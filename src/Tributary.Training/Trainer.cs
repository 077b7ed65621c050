using Tributary.Tensors;
using Tributary.Training.Optimization;

namespace Tributary.Training;

/// <summary>Trains a model on instructions and responses with AdamW.</summary>
public static class Trainer
{
    /// <summary>Trains, changing the model's weights in place.</summary>
    /// <param name="model">The model.</param>
    /// <param name="dataset">The records; their order is shuffled anew in every epoch. In a private training each step draws its own.</param>
    /// <param name="options">How to train.</param>
    /// <param name="progress">Told of every step.</param>
    /// <param name="cancellationToken">Stops between two steps; the weights are then those after the last one.</param>
    /// <param name="files">
    /// What is read and left on disk; null for nothing, and then the optimizer begins afresh in every call.
    /// </param>
    /// <exception cref="ArgumentException">
    /// Options are out of range or do not go together, the dataset does not fit the model, or a private training is given a control variate.
    /// </exception>
    /// <exception cref="TrainingDivergedException">The loss or the gradients are not finite; the weights are those before that step.</exception>
    /// <exception cref="TensorFormatException">A file of <paramref name="files"/> is malformed, or of another model.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    /// <remarks>
    /// The same model, data, options, files and machine give the same bytes, whatever the number of threads, and whether the training was
    /// cut short and went on from a checkpoint or not.
    /// </remarks>
    public static TrainingResult Train(
        TrainableModel model, InstructionDataset dataset, TrainingOptions options, IProgress<TrainingProgress>? progress,
        CancellationToken cancellationToken, TrainingFiles? files = null)
    {
        options.Validate();
        if (options.Private is not null && files?.Control is not null)
        {
            throw new ArgumentException(
                "A private training cannot correct its gradients by SCAFFOLD's control variates: the new local one would be a second result made of the records, which the "
                + "training's privacy does not speak for. Leave out Control, as with FedAvg or FedProx, or train without Private.", nameof(files));
        }

        dataset.RequireFits(model.Config);
        options.EarlyStop?.HeldOut.RequireFits(model.Config);
        using var run = new TrainingRun(model, dataset, options, files ?? new TrainingFiles());
        return run.Train(progress, cancellationToken);
    }
}
