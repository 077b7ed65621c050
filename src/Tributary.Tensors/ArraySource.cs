using System.Runtime.InteropServices;

namespace Tributary.Tensors;

/// <summary>
/// Tensors of fp32 in arrays, for models that are small enough: what an executor of one's own returns, or a model that a program makes.
/// It gives what the arrays hold when a tile is read.
/// </summary>
public sealed class ArraySource : TensorSource
{
    private readonly float[][] _values;

    /// <summary>Makes the view.</summary>
    /// <param name="tensors">Each tensor's name, shape and elements in row-major order.</param>
    /// <exception cref="ArgumentException">An array has not as many elements as its shape.</exception>
    public ArraySource(params (string Name, TensorShape Shape, float[] Values)[] tensors)
    {
        foreach ((string name, TensorShape shape, float[] values) in tensors)
        {
            if (values.Length != shape.ElementCount)
            {
                throw new ArgumentException($"tensor '{name}' of shape {shape} has {shape.ElementCount} elements, but {values.Length} are given", nameof(tensors));
            }
        }

        Manifest = new TensorManifest(tensors.Select(tensor => new TensorEntry(new TensorSpec(tensor.Name, DType.F32, tensor.Shape))));
        _values = [.. tensors.Select(tensor => tensor.Values)];
    }

    /// <inheritdoc/>
    public override TensorManifest Manifest { get; }

    /// <inheritdoc/>
    public override void Read(Tile tile, int offset, Span<byte> destination)
    {
        int start = (int)(Manifest[tile.Tensor].TileOffset(tile.Index) + offset);
        MemoryMarshal.AsBytes(_values[tile.Tensor].AsSpan()).Slice(start, destination.Length).CopyTo(destination);
    }
}
