using Tributary.Tensors;

namespace Tributary.Federation.Aggregation;

/// <summary>Strips as fp32, whatever float type the source has.</summary>
internal static class FloatStrips
{
    /// <summary>Reads <c>values.Length</c> elements of a dense tile, beginning at element <paramref name="start"/>.</summary>
    public static void ReadFloats(this TensorSource source, Tile tile, int start, Span<float> values)
    {
        DType dtype = source.Manifest[tile.Tensor].Spec.DType;
        if (dtype == DType.F32)
        {
            source.Read(tile, start * sizeof(float), System.Runtime.InteropServices.MemoryMarshal.AsBytes(values));
            return;
        }

        using NativeBuffer bytes = NativeBuffer.Rent(values.Length * dtype.Size());
        source.Read(tile, start * dtype.Size(), bytes.Bytes);
        DenseFloats.Widen(dtype, bytes.Bytes, values);
    }
}
