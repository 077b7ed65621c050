using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Tributary.Training.Memory;

namespace Tributary.Training.Optimization;

/// <summary>
/// Adam with decoupled weight decay and bias correction. Decay applies to what <see cref="TrainingOptions.Decay"/> says.
/// </summary>
/// <remarks>Loshchilov and Hutter, "Decoupled weight decay regularization" (2019); the same steps as PyTorch's AdamW.</remarks>
internal sealed unsafe class AdamW : IDisposable
{
    private const int Lanes = 8;
    private const int Grain = 4096;

    private readonly TrainingOptions _options;

    /// <summary>Fresh state for weights of that shape.</summary>
    public AdamW(ParameterSet weights, TrainingOptions options)
    {
        Means = ParameterSet.Like(weights);
        Squares = ParameterSet.Like(weights);
        _options = options;
    }

    /// <summary>The moving mean of the gradients.</summary>
    public ParameterSet Means { get; }

    /// <summary>The moving mean of their squares.</summary>
    public ParameterSet Squares { get; }

    /// <summary>The steps that both have seen.</summary>
    public long Steps { get; set; }

    /// <summary>Changes the weights by one step.</summary>
    /// <param name="weights">What is trained.</param>
    /// <param name="gradients">The gradients of the loss.</param>
    /// <param name="rate">The learning rate of this step.</param>
    /// <param name="scale">What gradients are multiplied by first (clipping).</param>
    /// <param name="workers">The threads.</param>
    public void Step(ParameterSet weights, ParameterSet gradients, double rate, float scale, Workers workers)
    {
        Steps++;
        double correction1 = 1 - Math.Pow(_options.Beta1, Steps), correction2 = 1 - Math.Pow(_options.Beta2, Steps);
        for (int i = 0; i < weights.All.Count; i++)
        {
            LlamaTensor tensor = weights.All[i];
            var update = new Update
            {
                Weights = tensor.Buffer.Data,
                Gradients = gradients.All[i].Buffer.Data,
                Means = Means.All[i].Buffer.Data,
                Squares = Squares.All[i].Buffer.Data,
                Scale = scale,
                Beta1 = (float)_options.Beta1,
                Beta2 = (float)_options.Beta2,
                Keep = _options.Decay.Has(tensor.Kind) ? (float)(1 - (rate * _options.WeightDecay)) : 1,
                Rate = (float)(rate / correction1),
                InverseRoot2 = (float)(1 / Math.Sqrt(correction2)),
                Epsilon = (float)_options.Epsilon,
            };
            long length = tensor.Buffer.Length;
            workers.Split((int)((length + Grain - 1) / Grain), 1, (update, length), static (state, _, begin, end) =>
                state.update.Apply((long)begin * Grain, Math.Min(state.length, (long)end * Grain)));
        }
    }

    public void Dispose()
    {
        Means.Dispose();
        Squares.Dispose();
    }

    /// <summary>A tensor's step; each element by itself, so it does not matter how they are split.</summary>
    private readonly struct Update
    {
        public required float* Weights { get; init; }

        public required float* Gradients { get; init; }

        public required float* Means { get; init; }

        public required float* Squares { get; init; }

        public required float Scale { get; init; }

        public required float Beta1 { get; init; }

        public required float Beta2 { get; init; }

        public required float Keep { get; init; }

        public required float Rate { get; init; }

        public required float InverseRoot2 { get; init; }

        public required float Epsilon { get; init; }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Apply(long begin, long end)
        {
            long i = begin;
            for (; i <= end - Lanes; i += Lanes)
            {
                Vector256<float> g = Vector256.Load(Gradients + i) * Scale;
                Vector256<float> m = (Vector256.Load(Means + i) * Beta1) + (g * (1 - Beta1));
                Vector256<float> v = (Vector256.Load(Squares + i) * Beta2) + (g * g * (1 - Beta2));
                m.Store(Means + i);
                v.Store(Squares + i);
                Vector256<float> root = (Vector256.Sqrt(v) * InverseRoot2) + Vector256.Create(Epsilon);
                ((Vector256.Load(Weights + i) * Keep) - (m * Rate / root)).Store(Weights + i);
            }

            for (; i < end; i++)
            {
                float g = Gradients[i] * Scale;
                Means[i] = (Means[i] * Beta1) + (g * (1 - Beta1));
                Squares[i] = (Squares[i] * Beta2) + (g * g * (1 - Beta2));
                Weights[i] = (Weights[i] * Keep) - (Means[i] * Rate / ((MathF.Sqrt(Squares[i]) * InverseRoot2) + Epsilon));
            }
        }
    }
}
