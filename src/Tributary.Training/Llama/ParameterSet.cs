using Tributary.Tensors;
using Tributary.Training.Memory;

namespace Tributary.Training;

/// <summary>Named tensors of fp32, one buffer each: a model's weights, their gradients, or what an optimizer remembers of them.</summary>
internal class ParameterSet : IDisposable
{
    private readonly List<LlamaTensor> _all = [];

    /// <summary>A set of zeros, named and shaped like another.</summary>
    public static ParameterSet Like(ParameterSet other)
    {
        var set = new ParameterSet();
        foreach (LlamaTensor tensor in other.All)
        {
            set._all.Add(tensor with { Buffer = new FloatBuffer(tensor.Buffer.Length) });
        }

        return set;
    }

    /// <summary>Some tensors of a set: the same buffers, which stay the other's to dispose.</summary>
    public static ParameterSet Of(ParameterSet other, Func<string, bool> has)
    {
        var set = new ParameterSet();
        set._all.AddRange(other.All.Where(tensor => has(tensor.Name)));
        return set;
    }

    /// <summary>All tensors, each buffer once.</summary>
    public IReadOnlyList<LlamaTensor> All => _all;

    /// <summary>Sets everything to zero.</summary>
    public void Clear()
    {
        foreach (LlamaTensor tensor in _all)
        {
            tensor.Buffer.Clear();
        }
    }

    /// <summary>Takes the values of a set of the same shapes.</summary>
    public unsafe void CopyFrom(ParameterSet other)
    {
        for (int i = 0; i < _all.Count; i++)
        {
            long bytes = _all[i].Buffer.Length * sizeof(float);
            Buffer.MemoryCopy(other.All[i].Buffer.Data, _all[i].Buffer.Data, bytes, bytes);
        }
    }

    public void Dispose()
    {
        foreach (LlamaTensor tensor in _all)
        {
            tensor.Buffer.Dispose();
        }
    }

    /// <summary>Adds a matrix.</summary>
    protected Matrix Add(string name, int rows, int columns, ParameterKind kind)
    {
        var tensor = new LlamaTensor(name, new TensorShape(rows, columns), new FloatBuffer((long)rows * columns), kind);
        _all.Add(tensor);
        return tensor.Buffer.Matrix(rows, columns);
    }

    /// <summary>Adds a norm's vector, as a matrix of one row.</summary>
    protected Matrix AddNorm(string name, int length)
    {
        var tensor = new LlamaTensor(name, new TensorShape(length), new FloatBuffer(length), ParameterKind.Norm);
        _all.Add(tensor);
        return tensor.Buffer.Matrix(1, length);
    }
}

/// <summary>What a tensor is for; weight decay depends on it.</summary>
internal enum ParameterKind
{
    /// <summary>The matrix of a linear layer: projections, adapters, an output head of its own.</summary>
    Linear,

    /// <summary>The table of the tokens.</summary>
    Embedding,

    /// <summary>A norm's vector.</summary>
    Norm,
}

/// <summary>A tensor's name, shape, floats and purpose.</summary>
internal sealed record LlamaTensor(string Name, TensorShape Shape, FloatBuffer Buffer, ParameterKind Kind);
