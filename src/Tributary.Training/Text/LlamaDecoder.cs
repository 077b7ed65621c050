using Tributary.Training.Memory;
using Tributary.Training.Operations;

namespace Tributary.Training;

/// <summary>
/// Takes one token after another through a Llama, keeping the keys and values of all before. Plain loops over rows: written apart
/// from <see cref="LlamaPass"/>, it is also the check of that.
/// </summary>
internal sealed class LlamaDecoder : IDisposable
{
    private readonly LlamaModel _model;
    private readonly LlamaConfig _config;
    private readonly Rope _rope;
    private readonly FloatBuffer[] _keys;
    private readonly FloatBuffer[] _values;
    private readonly float[] _logits;
    private readonly int _positionsMax;
    private int _position;

    public LlamaDecoder(LlamaModel model, int positionsMax)
    {
        _model = model;
        _config = model.Config;
        _positionsMax = positionsMax;
        _rope = new Rope(_config.HeadLength, _config.RopeTheta, _config.RopeScaling, positionsMax);
        int width = _config.KeyValueHeadCount * _config.HeadLength;
        _keys = [.. model.Tensors.Layers.Select(_ => new FloatBuffer((long)positionsMax * width))];
        _values = [.. model.Tensors.Layers.Select(_ => new FloatBuffer((long)positionsMax * width))];
        _logits = new float[_config.VocabularySize];
    }

    /// <summary>Takes the next token; returns the logits of the one after it, valid until the next call.</summary>
    public Span<float> Next(int token)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(_position, _positionsMax);
        LlamaTensors tensors = _model.Tensors;
        float[] x = tensors.Embedding.Row(token).ToArray();
        for (int layer = 0; layer < tensors.Layers.Length; layer++)
        {
            LayerTensors weights = tensors.Layers[layer];
            Add(x, Times(weights.Output, Attend(layer, weights, Norm(x, weights.InputNorm))));
            float[] normed = Norm(x, weights.MiddleNorm);
            float[] gate = Times(weights.Gate, normed), up = Times(weights.Up, normed);
            for (int i = 0; i < gate.Length; i++)
            {
                gate[i] = gate[i] / (1 + MathF.Exp(-gate[i])) * up[i];
            }

            Add(x, Times(weights.Down, gate));
        }

        _position++;
        float[] final = Norm(x, tensors.Norm);
        for (int i = 0; i < _logits.Length; i++)
        {
            _logits[i] = VectorMath.Dot(tensors.Head.Row(i), final);
        }

        return _logits;
    }

    public void Dispose()
    {
        _rope.Dispose();
        foreach (FloatBuffer buffer in _keys.Concat(_values))
        {
            buffer.Dispose();
        }
    }

    private float[] Attend(int layer, in LayerTensors weights, float[] normed)
    {
        int length = _config.HeadLength, width = _config.KeyValueHeadCount * length, group = _config.HeadCount / _config.KeyValueHeadCount;
        float[] query = Turn(Times(weights.Query, normed));
        Turn(Times(weights.Key, normed)).CopyTo(_keys[layer].Span((long)_position * width, width));
        Times(weights.Value, normed).CopyTo(_values[layer].Span((long)_position * width, width));
        var output = new float[query.Length];
        var scores = new float[_position + 1];
        for (int head = 0; head < _config.HeadCount; head++)
        {
            int column = head / group * length;
            for (int i = 0; i < scores.Length; i++)
            {
                Span<float> key = _keys[layer].Span(((long)i * width) + column, length);
                scores[i] = VectorMath.Dot(query.AsSpan(head * length, length), key) / MathF.Sqrt(length);
            }

            float sum = VectorMath.ExpInPlace(scores, VectorMath.Max(scores));
            for (int i = 0; i < scores.Length; i++)
            {
                Span<float> value = _values[layer].Span(((long)i * width) + column, length);
                for (int d = 0; d < length; d++)
                {
                    output[(head * length) + d] += scores[i] / sum * value[d];
                }
            }
        }

        return output;
    }

    private unsafe float[] Turn(float[] heads)
    {
        fixed (float* data = heads)
        {
            _rope.Apply(new Matrix(data, 1, heads.Length), [_position], backward: false);
        }

        return heads;
    }

    private float[] Norm(float[] x, Matrix weight)
    {
        float inverse = 1 / MathF.Sqrt((VectorMath.Dot(x, x) / x.Length) + _config.NormEpsilon);
        var y = new float[x.Length];
        for (int i = 0; i < x.Length; i++)
        {
            y[i] = x[i] * inverse * weight.Row(0)[i];
        }

        return y;
    }

    private static float[] Times(Matrix weight, float[] x)
    {
        var y = new float[weight.Rows];
        for (int i = 0; i < y.Length; i++)
        {
            y[i] = VectorMath.Dot(weight.Row(i), x);
        }

        return y;
    }

    private static void Add(float[] x, float[] change) => VectorMath.Add(change, x);
}
