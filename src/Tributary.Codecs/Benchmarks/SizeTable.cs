using Tributary.Codecs.Messages;
using Tributary.Tensors;

namespace Tributary.Codecs.Benchmarks;

/// <summary>The size of a model's message in one precision, in bytes.</summary>
/// <param name="Precision">The precision's name.</param>
/// <param name="Payload">The codes.</param>
/// <param name="PaperMeta">The scales, and as the paper counts it the map of levels, once for every tensor that is encoded.</param>
/// <param name="SentMeta">The scales alone: the levels are constants and are not sent.</param>
/// <param name="FileLength">The whole message file as it is sent, header and all.</param>
public sealed record MessageSize(string Precision, long Payload, long PaperMeta, long SentMeta, long FileLength);

/// <summary>
/// The size of a model's message in every precision, from the codecs' own size rules; nothing is encoded. Table 2 of the paper
/// (arXiv 2511.16450).
/// </summary>
public static class SizeTable
{
    /// <summary>One row for each precision, widest first.</summary>
    public static IReadOnlyList<MessageSize> Of(TensorManifest model) => [.. Precision.All.Select(codec => Of(model, codec))];

    private static MessageSize Of(TensorManifest model, Codec codec)
    {
        using var encoded = new QuantizedSource(new ManifestOnly(model), codec);
        long payload = 0;
        long scales = 0;
        long maps = 0;
        foreach (TensorEntry entry in encoded.Manifest)
        {
            if (entry.IsDense)
            {
                payload += entry.ByteLength;
                continue;
            }

            for (long tile = 0; tile < entry.Spec.TileCount; tile++)
            {
                int elements = entry.Spec.TileElements(tile);
                payload += codec.CodeBytes(elements);
                scales += codec.ScaleBytes(elements);
            }

            maps += PaperLevels(codec) * sizeof(float);
        }

        return new MessageSize(codec.Name, payload, scales + maps, scales, MessageFile.Plan(encoded).Header.FileLength);
    }

    /// <summary>The entries of the map that the reference sends with every tensor, in fp32.</summary>
    private static long PaperLevels(Codec codec) => codec.Name switch { "int8" => 256, "fp4" or "nf4" or "nf4n" => 16, _ => 0 };

    private sealed class ManifestOnly(TensorManifest manifest) : TensorSource
    {
        public override TensorManifest Manifest => manifest;

        public override void Read(Tile tile, int offset, Span<byte> destination) => throw new InvalidOperationException("only sizes are asked for");
    }
}
