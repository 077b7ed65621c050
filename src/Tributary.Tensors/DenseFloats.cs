using System.Runtime.InteropServices;

namespace Tributary.Tensors;

/// <summary>Floats in a file's type to and from the fp32 that all arithmetic uses. Little endian.</summary>
public static class DenseFloats
{
    /// <summary>The largest finite half: what a larger value becomes in F16.</summary>
    public const float HalfMax = 65504f;

    /// <summary>Widens F32, F16 or BF16 bytes to fp32, exactly.</summary>
    /// <param name="dtype">The type of the elements in <paramref name="source"/>.</param>
    /// <param name="source">As many elements as <paramref name="values"/>.</param>
    /// <param name="values">Receives the values.</param>
    public static void Widen(DType dtype, ReadOnlySpan<byte> source, Span<float> values)
    {
        CheckLengths(dtype, source.Length, values.Length);
        switch (dtype)
        {
            case DType.F32:
                source.CopyTo(MemoryMarshal.AsBytes(values));
                break;
            case DType.F16:
                SixteenBitFloats<HalfFormat>.Widen(MemoryMarshal.Cast<byte, ushort>(source), values);
                break;
            case DType.BF16:
                SixteenBitFloats<BFloat16Format>.Widen(MemoryMarshal.Cast<byte, ushort>(source), values);
                break;
            default:
                throw NotAFloat(dtype);
        }
    }

    /// <summary>
    /// Narrows fp32 to F32, F16 (clamped to the finite halves, then to nearest even) or BF16 (to nearest even).
    /// </summary>
    public static void Narrow(ReadOnlySpan<float> values, DType dtype, Span<byte> destination)
    {
        CheckLengths(dtype, destination.Length, values.Length);
        switch (dtype)
        {
            case DType.F32:
                MemoryMarshal.AsBytes(values).CopyTo(destination);
                break;
            case DType.F16:
                SixteenBitFloats<HalfFormat>.Narrow(values, MemoryMarshal.Cast<byte, ushort>(destination));
                break;
            case DType.BF16:
                SixteenBitFloats<BFloat16Format>.Narrow(values, MemoryMarshal.Cast<byte, ushort>(destination));
                break;
            default:
                throw NotAFloat(dtype);
        }
    }

    /// <summary>The bfloat16 nearest to a finite value, ties to even.</summary>
    public static ushort ToBFloat16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        if (float.IsNaN(value))
        {
            return (ushort)((bits >> 16) | 0x40);
        }

        return (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    private static void CheckLengths(DType dtype, int bytes, int elements)
    {
        if (bytes != (long)elements * dtype.Size())
        {
            throw new ArgumentException($"{elements} elements of {dtype.Name()} are not {bytes} bytes.");
        }
    }

    private static ArgumentException NotAFloat(DType dtype) => new($"{dtype.Name()} is not F32, F16 or BF16.", nameof(dtype));
}
