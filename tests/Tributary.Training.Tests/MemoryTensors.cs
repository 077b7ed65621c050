using Tributary.Tensors;

namespace Tributary.Training.Tests;

/// <summary>Tensors in memory, given as bytes of their dtype.</summary>
internal sealed class MemoryTensors(IReadOnlyList<(TensorSpec Spec, byte[] Bytes)> tensors) : TensorSource
{
    public override TensorManifest Manifest { get; } = new(tensors.Select(tensor => new TensorEntry(tensor.Spec)));

    public override void Read(Tile tile, int offset, Span<byte> destination) =>
        tensors[tile.Tensor].Bytes.AsSpan((int)Manifest[tile.Tensor].TileOffset(tile.Index) + offset, destination.Length).CopyTo(destination);

    /// <summary>A copy of all tensors of a source, narrowed to a dtype.</summary>
    public static MemoryTensors Copy(TensorSource source, DType dtype = DType.F32, Func<TensorSpec, TensorSpec?>? change = null)
    {
        var copies = new List<(TensorSpec Spec, byte[] Bytes)>();
        for (int i = 0; i < source.Manifest.Count; i++)
        {
            TensorSpec spec = source.Manifest[i].Spec with { DType = dtype };
            if ((change is null ? spec : change(spec)) is { } changed)
            {
                var bytes = new byte[changed.ElementCount * dtype.Size()];
                float[] values = Floats(source, i)[..(int)changed.ElementCount];
                DenseFloats.Narrow(values, dtype, bytes);
                copies.Add((changed, bytes));
            }
        }

        return new MemoryTensors(copies);
    }

    /// <summary>The floats of a tensor of one F32 tile or several.</summary>
    public static float[] Floats(TensorSource source, int tensor)
    {
        TensorEntry entry = source.Manifest[tensor];
        var values = new float[entry.Spec.ElementCount];
        for (long tile = 0; tile < entry.Spec.TileCount; tile++)
        {
            var bytes = new byte[entry.TileBytes(tile)];
            source.Read(new Tile(tensor, tile), 0, bytes);
            Span<float> target = values.AsSpan((int)(tile * Tile.ElementsMax), entry.Spec.TileElements(tile));
            DenseFloats.Widen(entry.Spec.DType, bytes, target);
        }

        return values;
    }

    /// <summary>All bytes of all tensors.</summary>
    public static byte[] AllBytes(TensorSource source) =>
        [.. Enumerable.Range(0, source.Manifest.Count).SelectMany(i => Floats(source, i)).SelectMany(BitConverter.GetBytes)];
}
