using System.Numerics.Tensors;

namespace Tributary.Privacy.Rings;

/// <summary>
/// The integers modulo 2^k that sites' values become, so that their sum is exact: the same in any order, and it can be taken under masks. All parties agree on it
/// beforehand. Each site's integers are from -<see cref="Most"/> to <see cref="Most"/>, so few that the sum of all sites' never goes around.
/// </summary>
/// <param name="Range">The largest absolute value that is kept; others are cut to it. Above 0.</param>
/// <param name="Bits">k, for the value and the number of sites together, from 2 to 32.</param>
/// <param name="Sites">The largest number of sites in a sum, from 1.</param>
public sealed record RingGrid(double Range, int Bits, int Sites)
{
    /// <summary>The largest number of bits.</summary>
    public const int BitsMax = 32;

    /// <summary>The largest absolute value that is kept.</summary>
    public double Range { get; } = Range > 0 && double.IsFinite(Range) ? Range : throw new ArgumentException($"The range is {Range}, but should be a number above 0.");

    /// <summary>k.</summary>
    public int Bits { get; } = Bits is >= 2 and <= BitsMax ? Bits : throw new ArgumentException($"A ring has from 2 to {BitsMax} bits, not {Bits}.");

    /// <summary>The largest number of sites in a sum.</summary>
    public int Sites { get; } = Sites >= 1 && Sites <= Half(Bits)
        ? Sites
        : throw new ArgumentException($"A sum of {Sites} sites does not fit into {Bits} bits: that is good for 1 to {Half(Bits)}; take more bits.");

    /// <summary>The largest integer of one site.</summary>
    public int Most => Half(Bits) / Sites;

    /// <summary>What one step of the integers is worth.</summary>
    public double Step => Range / Most;

    /// <summary>The ring's elements as bits: k ones.</summary>
    public uint Mask => uint.MaxValue >> (BitsMax - Bits);

    /// <summary>Adds to a sum, modulo 2^k.</summary>
    /// <param name="sum">Ring elements, which become the sum's.</param>
    /// <param name="term">As many ring elements.</param>
    public void Add(Span<uint> sum, ReadOnlySpan<uint> term)
    {
        TensorPrimitives.Add(sum, term, sum);
        TensorPrimitives.BitwiseAnd(sum, Mask, sum);
    }

    /// <summary>The values that a sum is worth.</summary>
    /// <param name="sum">Ring elements.</param>
    /// <param name="values">Receives as many values.</param>
    public void Decode(ReadOnlySpan<uint> sum, Span<float> values)
    {
        int unused = BitsMax - Bits;
        double step = Step;
        for (int i = 0; i < sum.Length; i++)
        {
            // The upper half of the ring is the negative numbers.
            values[i] = (float)(((int)(sum[i] << unused) >> unused) * step);
        }
    }

    private static int Half(int bits) => bits is >= 2 and <= BitsMax ? (int)((1u << (bits - 1)) - 1) : int.MaxValue;
}
