using Tributary.Training.Memory;
using Tributary.Training.Optimization;

namespace Tributary.Training;

/// <summary>Trains a model on instructions and responses with AdamW.</summary>
public static class Trainer
{
    /// <summary>Trains, changing the model's weights in place. The optimizer begins afresh in every call.</summary>
    /// <param name="model">The model.</param>
    /// <param name="dataset">The records; their order is shuffled anew in every epoch.</param>
    /// <param name="options">How to train.</param>
    /// <param name="progress">Told of every step.</param>
    /// <param name="cancellationToken">Stops between two steps; the weights are then those after the last one.</param>
    /// <exception cref="ArgumentException">Options are out of range, or the dataset does not fit the model.</exception>
    /// <exception cref="TrainingDivergedException">The loss or the gradients are not finite; the weights are those before that step.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    /// <remarks>
    /// The same model, data, options and machine give the same bytes, whatever the number of threads.
    /// </remarks>
    public static TrainingResult Train(
        LlamaModel model, InstructionDataset dataset, TrainingOptions options, IProgress<TrainingProgress>? progress,
        CancellationToken cancellationToken)
    {
        options.Validate();
        dataset.RequireFits(model.Config);
        int batchSize = Math.Min(options.BatchSize, dataset.Count);
        int batches = (dataset.Count + batchSize - 1) / batchSize;
        int steps = (int)Math.Min(options.StepsMax ?? int.MaxValue, (long)batches * options.Epochs);
        int rowsMax = dataset.RowsMax(batchSize);

        using var workers = new Workers(options.Threads);
        using var pass = new LlamaPass(model, rowsMax, dataset.SequenceLength, forTraining: true, workers);
        using var gradients = new LlamaTensors(model.Config);
        using var optimizer = new AdamW(model.Config, options);
        var batch = new TokenBatch(batchSize, rowsMax);
        var random = new SplitMix64(options.Seed);
        int[] order = [.. Enumerable.Range(0, dataset.Count)];
        double lossSum = 0;
        long samples = 0, tokens = 0, responses = 0;
        for (int step = 0; step < steps; step++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int first = step % batches * batchSize;
            if (first == 0)
            {
                random.Shuffle(order);
            }

            ReadOnlySpan<int> chosen = order.AsSpan(first, Math.Min(batchSize, order.Length - first));
            tokens += dataset.FillBatch(batch, chosen);
            double loss = Step(model, pass, batch, gradients, optimizer, options, step + 1, workers);
            lossSum += loss;
            samples += chosen.Length;
            responses += batch.Responses;
            progress?.Report(new TrainingProgress(step + 1, steps, loss / batch.Responses, tokens));
        }

        return new TrainingResult(lossSum / responses, steps, samples, tokens, responses);
    }

    /// <summary>One step; returns the sum of the batch's losses.</summary>
    private static double Step(
        LlamaModel model, LlamaPass pass, TokenBatch batch, LlamaTensors gradients, AdamW optimizer, TrainingOptions options, int step,
        Workers workers)
    {
        gradients.Clear();
        double loss = pass.LossAndGradients(batch, gradients);
        double norm = GradientNorm.Of(gradients);
        if (!double.IsFinite(loss) || !double.IsFinite(norm))
        {
            throw new TrainingDivergedException(step, loss / batch.Responses, norm);
        }

        float scale = options.ClipNorm > 0 && norm > options.ClipNorm ? (float)(options.ClipNorm / norm) : 1;
        optimizer.Step(model.Tensors, gradients, scale, workers);
        return loss;
    }
}
