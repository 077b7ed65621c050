using System.Numerics.Tensors;
using Tributary.Federation.Jobs;

namespace Tributary.Federation.Aggregation.Optimizers;

/// <summary>
/// DiLoCo's outer optimizer (Douillard et al. 2023, algorithm 1), Nesterov's momentum as PyTorch's SGD has it:
/// m = momentum m + change; weights += learning_rate (change + momentum m).
/// </summary>
internal sealed class DiLoCo(JobServerOptimizer settings) : ServerOptimizer
{
    public override IReadOnlyList<string> States => ["momentum"];

    public override bool StepReadsChange => true;

    private protected override void UpdateState(int state, Span<float> change, Span<float> values)
    {
        TensorPrimitives.Multiply(values, (float)settings.Momentum, values);
        TensorPrimitives.Add(values, change, values);
    }

    private protected override void Step(Span<float> weights, Span<float> first, Span<float> last, Span<float> change)
    {
        TensorPrimitives.Multiply(first, (float)settings.Momentum, first);
        TensorPrimitives.Add(first, change, first);
        TensorPrimitives.Multiply(first, (float)settings.LearningRate, first);
        TensorPrimitives.Add(weights, first, weights);
    }
}
