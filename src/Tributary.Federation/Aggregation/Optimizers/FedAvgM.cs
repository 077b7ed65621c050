using System.Numerics.Tensors;
using Tributary.Federation.Jobs;

namespace Tributary.Federation.Aggregation.Optimizers;

/// <summary>Momentum at the server (Hsu et al. 2019, section 4.2): m = momentum m + change; weights += learning_rate m.</summary>
internal sealed class FedAvgM(JobServerOptimizer settings) : ServerOptimizer
{
    public override IReadOnlyList<string> States => ["momentum"];

    public override bool StepReadsChange => false;

    private protected override void UpdateState(int state, Span<float> change, Span<float> values)
    {
        TensorPrimitives.Multiply(values, (float)settings.Momentum, values);
        TensorPrimitives.Add(values, change, values);
    }

    private protected override void Step(Span<float> weights, Span<float> first, Span<float> last, Span<float> change)
    {
        TensorPrimitives.Multiply(first, (float)settings.LearningRate, first);
        TensorPrimitives.Add(weights, first, weights);
    }
}
