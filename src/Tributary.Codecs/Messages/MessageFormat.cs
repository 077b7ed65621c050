using System.Text.Json;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;

namespace Tributary.Codecs.Messages;

/// <summary>
/// How encoded tensors stand in a safetensors file: each has an entry with its bytes, and a row in <c>__metadata__</c>, under
/// <c>tributary.tensor:</c> and its name, that says codec, block, tile, and the type and shape it stands for. docs/WIRE-FORMAT.md.
/// </summary>
internal static class MessageFormat
{
    private const string RowPrefix = "tributary.tensor:";

    public static Dictionary<string, string> Describe(TensorManifest manifest)
    {
        var rows = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (TensorEntry entry in manifest)
        {
            if (entry.Encoding is Codec codec)
            {
                var row = new Row(codec.Name, codec.BlockElements, Tile.ElementsMax, entry.Spec.DType.Name(), [.. entry.Spec.Shape]);
                rows.Add(RowPrefix + entry.Spec.Name, JsonSerializer.Serialize(row, MessageJson.Default.Row));
            }
        }

        return rows;
    }

    /// <summary>What the entries of a file stand for, in its order.</summary>
    public static TensorManifest Interpret(SafetensorsHeader header, string name)
    {
        int rows = header.Metadata.Keys.Count(key => key.StartsWith(RowPrefix, StringComparison.Ordinal));
        var entries = new List<TensorEntry>(header.Tensors.Count);
        foreach (TensorSpec stored in header.Tensors)
        {
            if (header.Metadata.TryGetValue(RowPrefix + stored.Name, out string? row))
            {
                entries.Add(Interpret(stored, row, name));
                rows--;
            }
            else
            {
                entries.Add(new TensorEntry(stored));
            }
        }

        return rows == 0
            ? new TensorManifest(entries)
            : throw new TensorFormatException($"{name}: the metadata describes a tensor that is not in the file");
    }

    private static TensorEntry Interpret(TensorSpec stored, string text, string name)
    {
        try
        {
            Row row = JsonSerializer.Deserialize(text, MessageJson.Default.Row) ?? throw new JsonException("it is null");
            if (!Precision.TryParse(row.Codec, out Codec? codec))
            {
                throw new TensorFormatException($"has the unknown codec '{row.Codec}'; it may come from a newer version");
            }

            if (row.Block != codec.BlockElements || row.Tile != Tile.ElementsMax)
            {
                throw new TensorFormatException($"has blocks of {row.Block} and tiles of {row.Tile} elements; {codec.Name} has {codec.BlockElements} and {Tile.ElementsMax}");
            }

            if (!DTypes.TryParse(row.Dtype, out DType dtype) || !codec.Encodes(dtype))
            {
                throw new TensorFormatException($"stands for {row.Dtype}, which {codec.Name} does not encode");
            }

            var spec = new TensorSpec(stored.Name, dtype, new TensorShape(row.Shape));
            TensorSpec expected = codec.StoredAs(spec);
            return expected == stored
                ? new TensorEntry(spec, codec)
                : throw new TensorFormatException($"is stored as {stored.DType.Name()}{stored.Shape}, but {codec.Name} of {spec.DType.Name()}{spec.Shape} takes {expected.DType.Name()}{expected.Shape}");
        }
        catch (Exception e) when (e is TensorFormatException or JsonException or OverflowException)
        {
            throw new TensorFormatException($"{name}: tensor '{stored.Name}' {(e is JsonException ? $"has a metadata row that cannot be read ({e.Message})" : e.Message)}", e);
        }
    }

    internal sealed record Row(string Codec, int Block, int Tile, string Dtype, long[] Shape);
}
