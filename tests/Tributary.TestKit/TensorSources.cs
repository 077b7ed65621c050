using Tributary.Tensors;

namespace Tributary.TestKit;

/// <summary>Whole tensors out of a source, which only tests may hold.</summary>
public static class TensorSources
{
    public static byte[] ReadTile(this TensorSource source, Tile tile)
    {
        byte[] bytes = new byte[source.Manifest[tile.Tensor].TileBytes(tile.Index)];
        source.Read(tile, 0, bytes);
        return bytes;
    }

    public static byte[] ReadTensor(this TensorSource source, string name)
    {
        int tensor = source.Manifest.IndexOf(name);
        TensorEntry entry = source.Manifest[tensor];
        byte[] bytes = new byte[entry.ByteLength];
        for (long tile = 0; tile < entry.Spec.TileCount; tile++)
        {
            source.Read(new Tile(tensor, tile), 0, bytes.AsSpan((int)entry.TileOffset(tile), entry.TileBytes(tile)));
        }

        return bytes;
    }
}
