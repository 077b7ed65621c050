using Tributary.Tensors;
using Tributary.Tensors.Checkpoints;
using Tributary.Training.Memory;

namespace Tributary.Training;

/// <summary>Finds a model's tensors in a source and copies them.</summary>
internal static class CheckpointTensors
{
    /// <summary>Refuses a manifest that is not that of a Llama of this configuration. Nothing is allocated for it.</summary>
    public static void RequireFits(LlamaConfig config, TensorManifest manifest)
    {
        var expected = LlamaTensorNames.Of(
            DType.F32, config.VocabularySize, config.LayerCount, config.HiddenSize, config.HeadCount * config.HeadLength,
            config.KeyValueHeadCount * config.HeadLength, config.IntermediateSize, separateHead: true).ToDictionary(spec => spec.Name, StringComparer.Ordinal);
        foreach ((string name, TensorSpec spec) in expected)
        {
            int place = manifest.IndexOf(name);
            if (place >= 0)
            {
                Require(manifest[place], spec.Shape);
            }
            else if (!config.TiedEmbeddings || name != LlamaTensors.HeadName)
            {
                throw new TensorFormatException($"tensor '{name}' {spec.Shape} is missing; config.json asks for it");
            }
        }

        if (manifest.FirstOrDefault(entry => !expected.ContainsKey(entry.Spec.Name)) is { } extra)
        {
            throw new TensorFormatException($"tensor '{extra.Spec.Name}' does not belong to a Llama of {config.LayerCount} layers");
        }
    }

    /// <summary>The place in a manifest that fits of every tensor of the model.</summary>
    public static int[] Match(LlamaConfig config, LlamaTensors tensors, TensorManifest manifest)
    {
        RequireFits(config, manifest);
        return [.. tensors.All.Select(tensor => manifest.IndexOf(tensor.Name))];
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
