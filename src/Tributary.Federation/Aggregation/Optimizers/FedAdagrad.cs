using System.Numerics.Tensors;
using Tributary.Federation.Jobs;

namespace Tributary.Federation.Aggregation.Optimizers;

/// <summary>
/// Adagrad at the server (Reddi et al. 2020, algorithm 2, without momentum as in their experiments): v = v + change², beginning as tau squared;
/// weights += learning_rate change / (√v + tau).
/// </summary>
internal sealed class FedAdagrad(JobServerOptimizer settings) : ServerOptimizer
{
    public override IReadOnlyList<string> States => ["second-moment"];

    public override bool StepReadsChange => true;

    private protected override float Initial(int state) => (float)(settings.Tau * settings.Tau);

    private protected override void UpdateState(int state, Span<float> change, Span<float> values)
    {
        TensorPrimitives.Multiply(change, change, change);
        TensorPrimitives.Add(values, change, values);
    }

    private protected override void Step(Span<float> weights, Span<float> first, Span<float> last, Span<float> change) =>
        AdaptiveOptimizer.Step(weights, change, last, settings);
}
