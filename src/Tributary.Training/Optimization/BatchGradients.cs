using Tributary.Training.Memory;

namespace Tributary.Training.Optimization;

/// <summary>The gradient of the mean loss over the response tokens of a step's batches. Records are shuffled anew in every epoch.</summary>
internal sealed class BatchGradients : StepGradients
{
    private readonly int _stepSize;
    private readonly int _epochSteps;
    private readonly SplitMix64 _random;
    private readonly int[] _order;

    public BatchGradients(TrainableModel model, InstructionDataset dataset, TrainingOptions options, Workers workers)
        : base(model, dataset, options, Math.Min(options.BatchSize, dataset.Count), workers)
    {
        long batch = Math.Min(options.BatchSize, dataset.Count);
        _stepSize = (int)Math.Min(batch * options.GradientAccumulation, dataset.Count);
        _epochSteps = (dataset.Count + _stepSize - 1) / _stepSize;
        _random = new SplitMix64(options.Seed);
        _order = [.. Enumerable.Range(0, dataset.Count)];
    }

    public override ParameterSet Result => OfTrained;

    public override long Steps => (long)_epochSteps * Options.Epochs;

    /// <summary>Every epoch that has begun has shuffled once.</summary>
    public override void Skip(int steps)
    {
        for (int step = 0; step < steps; step += _epochSteps)
        {
            _random.Shuffle(_order);
        }
    }

    public override TrainingTotals Compute(int step)
    {
        int first = step % _epochSteps * _stepSize;
        if (first == 0)
        {
            _random.Shuffle(_order);
        }

        ReadOnlySpan<int> chosen = _order.AsSpan(first, Math.Min(_stepSize, _order.Length - first));
        int responses = Dataset.Responses(chosen);
        long tokens = 0;
        double loss = 0;
        OfAll.Clear();
        for (int begin = 0; begin < chosen.Length; begin += Options.BatchSize)
        {
            tokens += Dataset.FillBatch(Batch, chosen[begin..Math.Min(chosen.Length, begin + Options.BatchSize)]);
            loss += Pass.LossAndGradients(Batch, OfAll, responses, SplitMix64.Mix(Draws(step) + (ulong)(begin / Options.BatchSize)));
        }

        return new TrainingTotals(1, loss, chosen.Length, tokens, responses);
    }
}
