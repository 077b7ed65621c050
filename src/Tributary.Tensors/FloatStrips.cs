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
}
