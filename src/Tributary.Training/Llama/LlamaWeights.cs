using System.Runtime.InteropServices;
using Tributary.Tensors;

namespace Tributary.Training;

/// <summary>A model's weights as a source: a view, dense F32.</summary>
internal sealed class LlamaWeights : TensorSource
{
    private readonly LlamaTensor[] _tensors;

    /// <summary>The tensors by the names and in the order given; a tied head's name is another name of the embedding.</summary>
    public LlamaWeights(LlamaTensors tensors, IEnumerable<string> order)
    {
        var byName = tensors.All.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
        byName.TryAdd(LlamaTensors.HeadName, tensors.All[0]);
        var known = order.Where(byName.ContainsKey).ToArray();
        _tensors = [.. known.Select(name => byName[name])];
        Manifest = new TensorManifest(known.Select(name => new TensorEntry(new TensorSpec(name, DType.F32, byName[name].Shape))));
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
