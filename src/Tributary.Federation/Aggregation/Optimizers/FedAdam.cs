using System.Numerics.Tensors;
using Tributary.Federation.Jobs;

namespace Tributary.Federation.Aggregation.Optimizers;

/// <summary>Adam at the server (Reddi et al. 2020, algorithm 2): v = beta2 v + (1 - beta2) change².</summary>
internal sealed class FedAdam(JobServerOptimizer settings) : AdaptiveOptimizer(settings)
{
    private protected override void UpdateSecondMoment(Span<float> squares, Span<float> values)
    {
        TensorPrimitives.Multiply(values, OldShare, values);
        TensorPrimitives.Multiply(squares, NewShare, squares);
        TensorPrimitives.Add(values, squares, values);
    }
}
