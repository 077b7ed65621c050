using System.Runtime.InteropServices;
using Tributary.Privacy.Noise;
using Tributary.Tensors;

namespace Tributary.Privacy.Rings;

/// <summary>
/// Values to ring elements: each goes up or down to an integer by chance, so that it is kept in the mean. Chance comes from a key, the tensor's name and the element's place, so any run
/// can be rounded at any time and is the same on any machine.
/// </summary>
/// <remarks>Rounding moves each element by less than one step: what it does to a norm is in <see cref="Accounting.DistributedDiscreteGaussian.SensitivityAfterRounding"/>.</remarks>
/// <param name="key">The round's key.</param>
/// <param name="tensor">The tensor's name.</param>
/// <param name="grid">The ring.</param>
public sealed class StochasticRounding(NoiseKey key, string tensor, RingGrid grid)
{
    private const int ElementsPerBlock = NoiseStream.BlockBytes / sizeof(uint);
    private const int ElementsMax = 8192;
    private const double Unit = 1.0 / (1L << 32);

    private readonly NoiseStream _stream = new(key, "rounding", tensor);

    /// <summary>Rounds a run of elements.</summary>
    /// <param name="first">The place of the first in its tensor.</param>
    /// <param name="values">The values.</param>
    /// <param name="elements">Receives as many ring elements.</param>
    /// <returns>How many values were cut to the grid's range.</returns>
    /// <exception cref="TensorFormatException">A value is NaN or infinite.</exception>
    public int Round(long first, ReadOnlySpan<float> values, Span<uint> elements)
    {
        using NoiseStream.Reader reader = _stream.Open();
        using NativeBuffer chances = NativeBuffer.Rent((ElementsMax + ElementsPerBlock) * sizeof(uint));
        int cut = 0;
        for (int start = 0; start < values.Length; start += ElementsMax)
        {
            int count = Math.Min(ElementsMax, values.Length - start);
            long place = first + start;
            int skip = (int)(place % ElementsPerBlock);
            int blocks = (skip + count + ElementsPerBlock - 1) / ElementsPerBlock;
            Span<byte> bytes = chances.Bytes[..(blocks * NoiseStream.BlockBytes)];
            reader.Fill((UInt128)(place / ElementsPerBlock), bytes);
            cut += Round(values.Slice(start, count), MemoryMarshal.Cast<byte, uint>(bytes)[skip..], elements[start..]);
        }

        return cut;
    }

    private int Round(ReadOnlySpan<float> values, ReadOnlySpan<uint> chances, Span<uint> elements)
    {
        (double most, double perStep, uint mask) = (grid.Most, 1 / grid.Step, grid.Mask);
        int cut = 0;
        for (int i = 0; i < values.Length; i++)
        {
            double scaled = values[i] * perStep;
            if (!(Math.Abs(scaled) <= most))
            {
                scaled = float.IsFinite(values[i])
                    ? Math.CopySign(most, scaled)
                    : throw new TensorFormatException($"tensor '{tensor}' has a value that is NaN or infinite, which no ring has");
                cut++;
            }

            // So near below the end that the sum is rounded to it, it would be one too many.
            double integer = Math.Min(Math.Floor(scaled + (chances[i] * Unit)), most);
            elements[i] = (uint)(int)integer & mask;
        }

        return cut;
    }
}
