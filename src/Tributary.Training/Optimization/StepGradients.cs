using Tributary.Training.Memory;

namespace Tributary.Training.Optimization;

/// <summary>Chooses a step's records and makes one gradient of them, which the optimizer then takes.</summary>
internal abstract class StepGradients : IDisposable
{
    /// <summary>Allocates a pass over batches of up to that many records, and its gradients.</summary>
    protected StepGradients(TrainableModel model, InstructionDataset dataset, TrainingOptions options, int batchSize, Workers workers)
    {
        int rowsMax = dataset.RowsMax(batchSize);
        Dataset = dataset;
        Options = options;
        Workers = workers;
        Pass = new LlamaPass(model, rowsMax, dataset.SequenceLength, forTraining: true, workers);
        Batch = new TokenBatch(batchSize, rowsMax);
        OfAll = model.NewGradients();
        OfTrained = options.IsFrozen is { } isFrozen ? ParameterSet.Of(OfAll, name => !isFrozen(name)) : OfAll;
    }

    /// <summary>The gradient of the step that was computed last, of all that is trained.</summary>
    public abstract ParameterSet Result { get; }

    /// <summary>The steps of a training whose options set no limit to them.</summary>
    public abstract long Steps { get; }

    protected InstructionDataset Dataset { get; }

    protected TrainingOptions Options { get; }

    protected Workers Workers { get; }

    protected LlamaPass Pass { get; }

    protected TokenBatch Batch { get; }

    /// <summary>What the pass adds to: gradients of every tensor, those that are frozen too.</summary>
    protected ParameterSet OfAll { get; }

    /// <summary>Those among them that are trained.</summary>
    protected ParameterSet OfTrained { get; }

    /// <summary>The one that the options ask for.</summary>
    public static StepGradients Create(TrainableModel model, InstructionDataset dataset, TrainingOptions options, Workers workers) =>
        options.Private is { } training
            ? new PrivateGradients(model, dataset, options, training, workers)
            : new BatchGradients(model, dataset, options, workers);

    /// <summary>Goes on after steps that another process has done.</summary>
    public abstract void Skip(int steps);

    /// <summary>Computes the gradient of a step; steps come in their order.</summary>
    /// <param name="step">The step, from 0.</param>
    /// <returns>What was trained on: one step's totals.</returns>
    public abstract TrainingTotals Compute(int step);

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        OfAll.Dispose();
        Pass.Dispose();
    }

    /// <summary>What numbers the draws of dropout in a step; what is worked on at once adds what numbers it.</summary>
    protected ulong Draws(int step) => SplitMix64.Mix(SplitMix64.Mix(Options.Seed) + (ulong)step);
}
