using System.Runtime.InteropServices;

namespace Tributary.Tensors;

/// <summary>Strips as fp32, whatever float type the source has.</summary>
public static class FloatStrips
{
    /// <summary>Reads elements of a dense F32, F16 or BF16 tile, widened exactly.</summary>
    /// <param name="source">Where the tensor is.</param>
    /// <param name="tile">The tile.</param>
    /// <param name="start">The first element, counted from the tile's: a multiple of <see cref="Tile.StripAlignment"/>.</param>
    /// <param name="values">Receives as many elements as it has.</param>
    public static void ReadFloats(this TensorSource source, Tile tile, int start, Span<float> values)
    {
        DType dtype = source.Manifest[tile.Tensor].Spec.DType;
        if (dtype == DType.F32)
        {
            source.Read(tile, start * sizeof(float), MemoryMarshal.AsBytes(values));
            return;
        }

        using NativeBuffer bytes = NativeBuffer.Rent(values.Length * dtype.Size());
        source.Read(tile, start * dtype.Size(), bytes.Bytes);
        DenseFloats.Widen(dtype, bytes.Bytes, values);
    }

    /// <summary>All of a tensor's values in an array, widened to fp32: for small tensors.</summary>
    /// <exception cref="ArgumentException">There is no tensor of that name.</exception>
    public static float[] ReadFloats(this TensorSource source, string name)
    {
        int place = source.Manifest.IndexOf(name);
        if (place < 0)
        {
            throw new ArgumentException($"There is no tensor '{name}' among the {source.Manifest.Count} here.", nameof(name));
        }

        TensorSpec spec = source.Manifest[place].Spec;
        float[] values = new float[spec.ElementCount];
        for (long tile = 0; tile < spec.TileCount; tile++)
        {
            source.ReadFloats(new Tile(place, tile), 0, values.AsSpan((int)(tile * Tile.ElementsMax), spec.TileElements(tile)));
        }

        return values;
    }
}
