using System.Numerics.Tensors;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;
using Tributary.Training.Memory;

namespace Tributary.Training.Optimization;

/// <summary>Corrects gradients by SCAFFOLD's control variates, and adds up what the next local one is made of.</summary>
internal sealed class GradientCorrection : IDisposable
{
    private const int Grain = 4096;

    private readonly ControlVariate _control;
    private readonly ParameterSet _correction;
    private readonly ParameterSet _sum;

    /// <summary>Reads the global control variate and the local one.</summary>
    /// <exception cref="TensorFormatException">One of them lacks a tensor, or is of another model.</exception>
    public GradientCorrection(ParameterSet weights, ControlVariate control)
    {
        _control = control;
        _correction = ParameterSet.Like(weights);
        _sum = ParameterSet.Like(weights);
        foreach (LlamaTensor tensor in _correction.All)
        {
            int place = control.Global.Manifest.IndexOf(tensor.Name);
            if (place < 0 || !control.Global.Manifest[place].Spec.Shape.Equals(tensor.Shape))
            {
                throw new TensorFormatException($"the global control variate has no tensor '{tensor.Name}' of shape {tensor.Shape}");
            }

            CheckpointTensors.Copy(control.Global, place, tensor.Buffer);
        }

        if (control.LocalFrom is { } from)
        {
            using SafetensorsFile file = SafetensorsFile.Open(from);
            ParameterFile.Read(file, string.Empty, _sum);
            for (int i = 0; i < _sum.All.Count; i++)
            {
                ForEach(_sum.All[i].Buffer, _correction.All[i].Buffer, static (local, correction) => TensorPrimitives.Subtract(correction, local, correction));
            }

            _sum.Clear();
        }
    }

    /// <summary>The sum gets the gradients, and the gradients the correction; each element by itself.</summary>
    public void Apply(ParameterSet gradients, Workers workers)
    {
        for (int i = 0; i < gradients.All.Count; i++)
        {
            FloatBuffer gradient = gradients.All[i].Buffer;
            workers.Split((int)((gradient.Length + Grain - 1) / Grain), 1, (gradient, sum: _sum.All[i].Buffer, correction: _correction.All[i].Buffer), static (state, _, begin, end) =>
            {
                for (long at = (long)begin * Grain; at < Math.Min(state.gradient.Length, (long)end * Grain); at += Grain)
                {
                    int length = (int)Math.Min(Grain, state.gradient.Length - at);
                    Span<float> values = state.gradient.Span(at, length), sum = state.sum.Span(at, length);
                    TensorPrimitives.Add(sum, values, sum);
                    TensorPrimitives.Add(values, state.correction.Span(at, length), values);
                }
            });
        }
    }

    /// <summary>Leaves the new local control variate: the mean over the steps.</summary>
    public void Write(int steps)
    {
        float share = 1f / Math.Max(1, steps);
        foreach (LlamaTensor tensor in _sum.All)
        {
            for (long at = 0; at < tensor.Buffer.Length; at += Grain)
            {
                Span<float> values = tensor.Buffer.Span(at, (int)Math.Min(Grain, tensor.Buffer.Length - at));
                TensorPrimitives.Multiply(values, share, values);
            }
        }

        ParameterFile.Write(_control.LocalTo, [(string.Empty, _sum)], new Dictionary<string, string>());
    }

    public void Dispose()
    {
        _correction.Dispose();
        _sum.Dispose();
    }

    private static void ForEach(FloatBuffer first, FloatBuffer second, Action<Span<float>, Span<float>> combine)
    {
        for (long at = 0; at < first.Length; at += Grain)
        {
            int length = (int)Math.Min(Grain, first.Length - at);
            combine(first.Span(at, length), second.Span(at, length));
        }
    }
}
