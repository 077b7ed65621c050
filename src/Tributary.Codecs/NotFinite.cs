using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Tributary.Tensors;

namespace Tributary.Codecs;

/// <summary>Finds NaN and infinity.</summary>
internal static class NotFinite
{
    /// <summary>The first element of dense F32, F16 or BF16 bytes that is NaN or infinite, or -1.</summary>
    public static int IndexIn(DType dtype, ReadOnlySpan<byte> dense)
    {
        if (dtype == DType.F32)
        {
            return IndexIn(MemoryMarshal.Cast<byte, float>(dense), 0);
        }

        // NaN and infinity are the values whose exponent is all ones.
        uint exponent = dtype == DType.F16 ? 0x7C00u : 0x7F80u;
        ReadOnlySpan<ushort> halves = MemoryMarshal.Cast<byte, ushort>(dense);
        for (int i = 0; i < halves.Length; i++)
        {
            if ((halves[i] & exponent) == exponent)
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>The first element at or after <paramref name="start"/> that is NaN or infinite, or -1.</summary>
    public static int IndexIn(ReadOnlySpan<float> values, int start)
    {
        // Of no values, TensorPrimitives says that not all are finite.
        if (start == values.Length || TensorPrimitives.IsFiniteAll(values[start..]))
        {
            return -1;
        }

        while (float.IsFinite(values[start]))
        {
            start++;
        }

        return start;
    }
}
