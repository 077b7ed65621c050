using Tributary.Tensors;
using Tributary.Training.Memory;

namespace Tributary.Training;

/// <summary>Finds a model's tensors in a source and copies them.</summary>
internal static class CheckpointTensors
{
    /// <summary>The place in the manifest of every tensor of the model.</summary>
    public static int[] Match(LlamaConfig config, LlamaTensors tensors, TensorManifest manifest)
    {
        var places = new int[tensors.All.Count];
        for (int i = 0; i < places.Length; i++)
        {
            LlamaTensor tensor = tensors.All[i];
            places[i] = manifest.IndexOf(tensor.Name);
            if (places[i] < 0)
            {
                throw new TensorFormatException($"tensor '{tensor.Name}' {tensor.Shape} is missing; config.json asks for it");
            }

            Require(manifest[places[i]], tensor.Shape);
        }

        var expected = tensors.All.Select(tensor => tensor.Name).ToHashSet(StringComparer.Ordinal);
        foreach (TensorEntry entry in manifest)
        {
            if (config.TiedEmbeddings && entry.Spec.Name == LlamaTensors.HeadName)
            {
                Require(entry, tensors.All[0].Shape);
            }
            else if (!expected.Contains(entry.Spec.Name))
            {
                throw new TensorFormatException($"tensor '{entry.Spec.Name}' does not belong to a Llama of {config.LayerCount} layers");
            }
        }

        return places;
    }

    /// <summary>Copies a tensor, tile by tile, widened to fp32.</summary>
    public static void Copy(TensorSource source, int place, FloatBuffer target)
    {
        TensorEntry entry = source.Manifest[place];
        using NativeBuffer buffer = NativeBuffer.Rent(entry.Spec.TileCount == 0 ? 0 : entry.TileBytes(0));
        for (long tile = 0; tile < entry.Spec.TileCount; tile++)
        {
            Span<byte> bytes = buffer.Bytes[..entry.TileBytes(tile)];
            source.Read(new Tile(place, tile), 0, bytes);
            DenseFloats.Widen(entry.Spec.DType, bytes, target.Span(tile * Tile.ElementsMax, entry.Spec.TileElements(tile)));
        }
    }

    private static void Require(TensorEntry entry, TensorShape shape)
    {
        if (!entry.Spec.Shape.Equals(shape))
        {
            throw new TensorFormatException($"tensor '{entry.Spec.Name}' has shape {entry.Spec.Shape}; config.json asks for {shape}");
        }

        if (!entry.IsDense || !entry.Spec.DType.IsTrainable())
        {
            throw new TensorFormatException(
                $"tensor '{entry.Spec.Name}' is {entry.Encoding.Name} {entry.Spec.DType.Name()}; dense F32, F16 or BF16 is needed");
        }
    }
}
