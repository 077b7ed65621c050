using System.Runtime.InteropServices;
using Tributary.Tensors;

namespace Tributary.Training;

/// <summary>Tensors in memory as a source: a view, dense F32. It gives what they are when a tile is read.</summary>
internal sealed class ParameterView : TensorSource
{
    private readonly LlamaTensor[] _tensors;

    /// <summary>Makes the view, with the tensors under the names and in the order given.</summary>
    public ParameterView(IEnumerable<(string Name, LlamaTensor Tensor)> tensors)
    {
        (string Name, LlamaTensor Tensor)[] given = [.. tensors];
        _tensors = [.. given.Select(pair => pair.Tensor)];
        Manifest = new TensorManifest(given.Select(pair => new TensorEntry(new TensorSpec(pair.Name, DType.F32, pair.Tensor.Shape))));
    }

    public override TensorManifest Manifest { get; }

    public override void Read(Tile tile, int offset, Span<byte> destination)
    {
        if (offset % sizeof(float) != 0 || destination.Length % sizeof(float) != 0)
        {
            throw new ArgumentException($"Bytes {offset} to {offset + (long)destination.Length} are not whole floats.", nameof(offset));
        }

        Span<float> values = _tensors[tile.Tensor].Buffer.Span(
            (tile.Index * Tile.ElementsMax) + (offset / sizeof(float)), destination.Length / sizeof(float));
        MemoryMarshal.AsBytes(values).CopyTo(destination);
    }
}
