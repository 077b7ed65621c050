using System.Numerics.Tensors;
using Tributary.Federation.Jobs;

namespace Tributary.Federation.Aggregation.Optimizers;

/// <summary>
/// What FedAdam and FedYogi have in common (Reddi et al. 2020, algorithm 2): m = beta1 m + (1 - beta1) change;
/// weights += learning_rate m / (√v + tau). They differ in v, which begins as tau squared. There is no correction for the zeros that m begins with.
/// </summary>
internal abstract class AdaptiveOptimizer(JobServerOptimizer settings) : ServerOptimizer
{
    private const int FirstMoment = 0;

    public sealed override IReadOnlyList<string> States => ["first-moment", "second-moment"];

    public sealed override bool StepReadsChange => false;

    /// <summary>What v takes of the new square.</summary>
    protected float NewShare { get; } = (float)(1 - settings.Beta2);

    /// <summary>What v keeps, where it is an average.</summary>
    protected float OldShare { get; } = (float)settings.Beta2;

    private protected sealed override float Initial(int state) => state == FirstMoment ? 0 : (float)(settings.Tau * settings.Tau);

    private protected sealed override void UpdateState(int state, Span<float> change, Span<float> values)
    {
        if (state != FirstMoment)
        {
            TensorPrimitives.Multiply(change, change, change);
            UpdateSecondMoment(change, values);
            return;
        }

        TensorPrimitives.Multiply(values, (float)settings.Beta1, values);
        TensorPrimitives.Multiply(change, (float)(1 - settings.Beta1), change);
        TensorPrimitives.Add(values, change, values);
    }

    private protected sealed override void Step(Span<float> weights, Span<float> first, Span<float> last, Span<float> change) =>
        Step(weights, first, last, settings);

    /// <summary>Adds learning_rate m / (√v + tau) to the weights.</summary>
    internal static void Step(Span<float> weights, Span<float> first, Span<float> second, JobServerOptimizer settings)
    {
        TensorPrimitives.Sqrt(second, second);
        TensorPrimitives.Add(second, (float)settings.Tau, second);
        TensorPrimitives.Multiply(first, (float)settings.LearningRate, first);
        TensorPrimitives.Divide(first, second, first);
        TensorPrimitives.Add(weights, first, weights);
    }

    /// <summary>Computes a strip of v in the place of its last value.</summary>
    private protected abstract void UpdateSecondMoment(Span<float> squares, Span<float> values);
}
