using Tributary.Training.Memory;

namespace Tributary.Training;

/// <summary>Measures a model's loss on records, without changing it.</summary>
public static class Evaluator
{
    /// <summary>The records that are worked on together; the result hardly depends on it, memory does.</summary>
    private const int BatchSize = 8;

    /// <summary>Measures the mean loss per response token over all records; NaN where the model's weights are broken.</summary>
    /// <exception cref="ArgumentException">The dataset does not fit the model, or there are not 1 to 256 threads.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled; that is looked at between batches.</exception>
    public static EvaluationResult Evaluate(TrainableModel model, InstructionDataset dataset, int threads, CancellationToken cancellationToken)
    {
        new TrainingOptions { Threads = threads }.Validate();
        dataset.RequireFits(model.Config);
        int batchSize = Math.Min(BatchSize, dataset.Count);
        int rowsMax = dataset.RowsMax(batchSize);
        using var workers = new Workers(threads);
        using var pass = new LlamaPass(model, rowsMax, dataset.SequenceLength, forTraining: false, workers);
        var batch = new TokenBatch(batchSize, rowsMax);
        int[] order = [.. Enumerable.Range(0, dataset.Count)];
        double loss = 0;
        long responses = 0;
        for (int first = 0; first < order.Length; first += batchSize)
        {
            cancellationToken.ThrowIfCancellationRequested();
            dataset.FillBatch(batch, order.AsSpan(first, Math.Min(batchSize, order.Length - first)));
            loss += pass.Loss(batch);
            responses += batch.Responses;
        }

        return new EvaluationResult(loss / responses, responses);
    }
}
