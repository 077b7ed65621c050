using Tributary.Tensors;

namespace Tributary.TestKit;

/// <summary>Whole tensors out of a source, which only tests may hold.</summary>
public static class TensorSources
{
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

    public static float[] ReadFloats(this TensorSource source, string name)
    {
        TensorSpec spec = source.Manifest[source.Manifest.IndexOf(name)].Spec;
        float[] values = new float[spec.ElementCount];
        DenseFloats.Widen(spec.DType, source.ReadTensor(name), values);
        return values;
    }
}
