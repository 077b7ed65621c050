using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Tributary.Training.Memory;

namespace Tributary.Training.Optimization;

/// <summary>
/// FedProx's proximal term, mu / 2 ‖w - anchor‖², where the anchor is the model as it was received. Keeps a copy of it: 4 bytes a trained
/// parameter.
/// </summary>
/// <remarks>Li et al., "Federated optimization in heterogeneous networks" (2020), equation 2.</remarks>
internal sealed unsafe class ProximalTerm : IDisposable
{
    private const int Grain = 4096;

    private readonly ParameterSet _anchor;
    private readonly float _mu;

    /// <summary>Takes the weights as they are now for the anchor.</summary>
    public ProximalTerm(ParameterSet weights, double mu)
    {
        _anchor = ParameterSet.Like(weights);
        _anchor.CopyFrom(weights);
        _mu = (float)mu;
    }

    /// <summary>gradients += mu (weights - anchor); each element by itself.</summary>
    public void AddGradients(ParameterSet weights, ParameterSet gradients, Workers workers)
    {
        for (int i = 0; i < weights.All.Count; i++)
        {
            FloatBuffer weight = weights.All[i].Buffer, gradient = gradients.All[i].Buffer, anchor = _anchor.All[i].Buffer;
            long length = weight.Length;
            workers.Split((int)((length + Grain - 1) / Grain), 1, (weight, anchor, gradient, _mu), static (state, _, begin, end) => Add(
                state.weight.Data, state.anchor.Data, state.gradient.Data, state._mu, (long)begin * Grain,
                Math.Min(state.weight.Length, (long)end * Grain)));
        }
    }

    public void Dispose() => _anchor.Dispose();

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add(float* weights, float* anchor, float* gradients, float mu, long begin, long end)
    {
        long i = begin;
        for (; i <= end - Vector256<float>.Count; i += Vector256<float>.Count)
        {
            (Vector256.Load(gradients + i) + ((Vector256.Load(weights + i) - Vector256.Load(anchor + i)) * mu)).Store(gradients + i);
        }

        for (; i < end; i++)
        {
            gradients[i] += (weights[i] - anchor[i]) * mu;
        }
    }
}
