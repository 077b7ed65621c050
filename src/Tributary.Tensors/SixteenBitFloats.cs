using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Tributary.Tensors;

/// <summary>A 16-bit float format: the scalar pair defines it, the vector pair gives the same bits for every lane.</summary>
internal interface ISixteenBitFloat
{
    static abstract ushort Narrow(float value);

    static abstract float Widen(ushort bits);

    /// <summary>The bits of each value, which is not NaN, in the lower half of its lane.</summary>
    static abstract Vector<uint> Narrow(Vector<float> values);

    static abstract Vector<float> Widen(Vector<uint> bits);
}

/// <summary>Walks spans by vectors of the machine's width, and ends one by one.</summary>
internal static class SixteenBitFloats<TFormat>
    where TFormat : ISixteenBitFloat
{
    public static void Narrow(ReadOnlySpan<float> values, Span<ushort> destination)
    {
        int step = 2 * Vector<float>.Count;
        int i = 0;
        ref float from = ref MemoryMarshal.GetReference(values);
        ref ushort to = ref MemoryMarshal.GetReference(destination);
        for (; i <= values.Length - step; i += step)
        {
            Vector<float> lower = Vector.LoadUnsafe(ref from, (nuint)i);
            Vector<float> upper = Vector.LoadUnsafe(ref from, (nuint)(i + Vector<float>.Count));
            if (!Vector.EqualsAll(lower, lower) || !Vector.EqualsAll(upper, upper))
            {
                NarrowEach(values.Slice(i, step), destination[i..]);
                continue;
            }

            Vector.Narrow(TFormat.Narrow(lower), TFormat.Narrow(upper)).StoreUnsafe(ref to, (nuint)i);
        }

        NarrowEach(values[i..], destination[i..]);
    }

    public static void Widen(ReadOnlySpan<ushort> source, Span<float> values)
    {
        int i = 0;
        ref ushort from = ref MemoryMarshal.GetReference(source);
        ref float to = ref MemoryMarshal.GetReference(values);
        for (; i <= source.Length - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            Vector.Widen(Vector.LoadUnsafe(ref from, (nuint)i), out Vector<uint> lower, out Vector<uint> upper);
            TFormat.Widen(lower).StoreUnsafe(ref to, (nuint)i);
            TFormat.Widen(upper).StoreUnsafe(ref to, (nuint)(i + Vector<float>.Count));
        }

        for (; i < source.Length; i++)
        {
            values[i] = TFormat.Widen(source[i]);
        }
    }

    private static void NarrowEach(ReadOnlySpan<float> values, Span<ushort> destination)
    {
        for (int i = 0; i < values.Length; i++)
        {
            destination[i] = TFormat.Narrow(values[i]);
        }
    }
}

/// <summary>bfloat16: the upper half of a single, to nearest even.</summary>
internal readonly struct BFloat16Format : ISixteenBitFloat
{
    public static ushort Narrow(float value) => DenseFloats.ToBFloat16(value);

    public static float Widen(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<uint> Narrow(Vector<float> values)
    {
        Vector<uint> bits = Vector.AsVectorUInt32(values);
        return (bits + new Vector<uint>(0x7FFF) + ((bits >>> 16) & Vector<uint>.One)) >>> 16;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Widen(Vector<uint> bits) => Vector.AsVectorSingle(bits << 16);
}

/// <summary>IEEE half precision, clamped to the finite halves, to nearest even.</summary>
internal readonly struct HalfFormat : ISixteenBitFloat
{
    // In the bits of a single: the exponents of 2^-14, the smallest normal half, and of 1/2.
    private const uint SmallestNormal = 113u << 23;
    private const uint OneHalf = 126u << 23;
    private const uint Rebias = 112u << 23;

    public static ushort Narrow(float value) =>
        BitConverter.HalfToUInt16Bits((Half)Math.Clamp(value, -DenseFloats.HalfMax, DenseFloats.HalfMax));

    public static float Widen(ushort bits) => (float)BitConverter.UInt16BitsToHalf(bits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<uint> Narrow(Vector<float> values)
    {
        Vector<uint> bits = Vector.AsVectorUInt32(values);
        Vector<uint> sign = bits & new Vector<uint>(0x8000_0000);
        Vector<uint> magnitude = Vector.Min(bits ^ sign, new Vector<uint>(BitConverter.SingleToUInt32Bits(DenseFloats.HalfMax)));

        // Normal halves: round the 13 bits that go, ties to even; a carry steps into the exponent, as it should.
        Vector<uint> normal = (magnitude + new Vector<uint>(unchecked(0xFFFu - Rebias)) + ((magnitude >>> 13) & Vector<uint>.One)) >>> 13;

        // Subnormal halves are multiples of 2^-24, the last bit of a single near 1/2: the addition rounds.
        Vector<uint> half = new(OneHalf);
        Vector<uint> subnormal = Vector.AsVectorUInt32(Vector.AsVectorSingle(magnitude) + Vector.AsVectorSingle(half)) - half;
        return Vector.ConditionalSelect(Vector.LessThan(magnitude, new Vector<uint>(SmallestNormal)), subnormal, normal) | (sign >>> 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Widen(Vector<uint> bits)
    {
        Vector<uint> sign = (bits & new Vector<uint>(0x8000)) << 16;
        Vector<uint> magnitude = (bits & new Vector<uint>(0x7FFF)) << 13;
        Vector<uint> normal = magnitude + new Vector<uint>(Rebias);

        // Infinity and NaN: the largest exponent of a half becomes the largest of a single, and NaN is made quiet as the scalar does.
        Vector<uint> infinity = new(0x7C00u << 13);
        normal += Vector.GreaterThanOrEqual(magnitude, infinity) & new Vector<uint>(Rebias);
        normal |= Vector.GreaterThan(magnitude, infinity) & new Vector<uint>(0x0040_0000);

        // Subnormal halves: as the fraction of a number at 2^-14, which is then taken away.
        Vector<float> smallest = Vector.AsVectorSingle(new Vector<uint>(SmallestNormal));
        Vector<float> subnormal = Vector.AsVectorSingle(magnitude + new Vector<uint>(SmallestNormal)) - smallest;
        Vector<uint> isSubnormal = Vector.LessThan(magnitude, new Vector<uint>(0x0400u << 13));
        return Vector.AsVectorSingle(Vector.ConditionalSelect(isSubnormal, Vector.AsVectorUInt32(subnormal), normal) | sign);
    }
}
