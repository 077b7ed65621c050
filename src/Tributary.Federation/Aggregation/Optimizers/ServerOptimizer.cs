using Tributary.Federation.Jobs;
using Tributary.Tensors;

namespace Tributary.Federation.Aggregation.Optimizers;

/// <summary>
/// An optimizer at the server (Reddi et al. 2020, algorithm 2): the mean change of a round is minus a gradient. Its states are sources as large as
/// the model; each round's are computed from the last round's and the mean change, and the next weights from the weights that the sites
/// received and the new states. Nothing is read or computed until somebody reads a tile.
/// </summary>
/// <remarks>All arithmetic is fp32, element by element, and never fused, so that the same rounds give the same bytes on any machine.</remarks>
public abstract class ServerOptimizer
{
    /// <summary>The states' names, in the order in which they are updated.</summary>
    public abstract IReadOnlyList<string> States { get; }

    /// <summary>Whether the next weights are computed from the mean change itself, too, and not from the states alone.</summary>
    public abstract bool StepReadsChange { get; }

    /// <summary>Makes the optimizer that a job asks for.</summary>
    public static ServerOptimizer Create(JobServerOptimizer settings) => settings.Name switch
    {
        ServerOptimizerName.FedAvgM => new FedAvgM(settings),
        ServerOptimizerName.FedAdagrad => new FedAdagrad(settings),
        ServerOptimizerName.FedAdam => new FedAdam(settings),
        ServerOptimizerName.FedYogi => new FedYogi(settings),
        ServerOptimizerName.DiLoCo => new DiLoCo(settings),
        _ => throw new ArgumentOutOfRangeException(nameof(settings)),
    };

    /// <summary>A state after a round.</summary>
    /// <param name="state">Which, by its place in <see cref="States"/>.</param>
    /// <param name="change">The round's mean change.</param>
    /// <param name="previous">The state after the round before; null where there was none.</param>
    /// <exception cref="TensorFormatException">The two do not hold the same tensors.</exception>
    public TensorSource NextState(int state, TensorSource change, TensorSource? previous) => new StateSource(this, state, change, previous);

    /// <summary>The weights after a round. Tensors that are not floats are the last state's, and so the change's.</summary>
    /// <param name="received">The weights that the sites received.</param>
    /// <param name="change">The round's mean change; left out unless <see cref="StepReadsChange"/>.</param>
    /// <param name="states">All states after the round, in the order of <see cref="States"/>.</param>
    /// <exception cref="TensorFormatException">The sources do not hold the same tensors.</exception>
    public TensorSource NextWeights(TensorSource received, TensorSource? change, IReadOnlyList<TensorSource> states) =>
        new WeightsSource(this, [states[^1], received, .. states.SkipLast(1), .. StepReadsChange ? [change!] : Array.Empty<TensorSource>()]);

    /// <summary>What every element of a state is before the first round.</summary>
    private protected virtual float Initial(int state) => 0;

    /// <summary>Computes a strip of a state in the place of its last value.</summary>
    private protected abstract void UpdateState(int state, Span<float> change, Span<float> values);

    /// <summary>Computes a strip of the weights in their place. All strips may be overwritten.</summary>
    /// <param name="weights">The weights.</param>
    /// <param name="first">The first state.</param>
    /// <param name="last">The last state: the first where there is one only.</param>
    /// <param name="change">The mean change, where <see cref="StepReadsChange"/>.</param>
    private protected abstract void Step(Span<float> weights, Span<float> first, Span<float> last, Span<float> change);

    private sealed class StateSource(ServerOptimizer optimizer, int state, TensorSource change, TensorSource? previous)
        : StripwiseSource(new AlignedSources(
            previous is null ? [change] : [change, previous],
            source => source == 0 ? "the round's mean change" : $"the server optimizer's state '{optimizer.States[state]}'"))
    {
        private protected override string OverflowAdvice => $"the server optimizer's state '{optimizer.States[state]}' is too large for fp32; the sites' updates are";

        private protected override void Compute(Strips strips, Span<float> result)
        {
            if (strips.Count == 1)
            {
                result.Fill(optimizer.Initial(state));
            }
            else
            {
                strips[1].CopyTo(result);
            }

            optimizer.UpdateState(state, strips[0], result);
        }
    }

    /// <summary>Of the last state, the weights, the other state if there are two, and the change if it is read.</summary>
    private sealed class WeightsSource(ServerOptimizer optimizer, IReadOnlyList<TensorSource> sources)
        : StripwiseSource(new AlignedSources(sources, source => source == 1 ? "the global model" : "what the server optimizer keeps"))
    {
        private protected override string OverflowAdvice => "the server optimizer's step leaves the range of fp32; lower its learning_rate";

        private protected override void Compute(Strips strips, Span<float> result)
        {
            strips[1].CopyTo(result);
            optimizer.Step(result, optimizer.States.Count == 1 ? strips[0] : strips[2], strips[0], strips[^1]);
        }
    }
}
