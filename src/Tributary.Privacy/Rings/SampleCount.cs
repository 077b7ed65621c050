using System.Runtime.InteropServices;
using Tributary.Federation.Aggregation;
using Tributary.Tensors;

namespace Tributary.Privacy.Rings;

/// <summary>
/// How many records a site's change is of, in a sum that shows neither: the change goes in scaled by its records over the most that any site counts for, and the number itself as digits beside it.
/// The sum of changes over the sum of numbers is then their mean, weighted by records.
/// </summary>
/// <param name="Samples">The records; more than <paramref name="Most"/> count as that many.</param>
/// <param name="Most">The most that a site counts for, from 1; every site has the same.</param>
/// <param name="Grid">The ring.</param>
public sealed record SampleCount(long Samples, long Most, RingGrid Grid)
{
    /// <summary>What the change is scaled by, from 0 to 1.</summary>
    public float Share => (float)((double)Math.Clamp(Samples, 0, Most) / Most);

    /// <summary>Integers of the ring with the digits beside them.</summary>
    /// <param name="integers">U32 tensors, of the change times <see cref="Share"/>.</param>
    public TensorSource Beside(TensorSource integers) => new JoinedSource(integers, new Digits(this), "");

    /// <summary>The number of records that a sum is of.</summary>
    /// <param name="sum">U32 tensors: the sums of what <see cref="Beside"/> made, modulo 2^k.</param>
    /// <param name="most">The most that a site counts for.</param>
    /// <param name="grid">The ring.</param>
    /// <exception cref="TensorFormatException">The digits are not those of a sum of that many sites, so a site did not count as agreed.</exception>
    public static long Total(TensorSource sum, long most, RingGrid grid)
    {
        using TensorSource digits = JoinedSource.CompanionOf(sum, RingTensors.Samples);
        uint[] read = new uint[RingTensors.DigitsOf(most, grid.Most)];
        digits.Read(new Tile(0, 0), 0, MemoryMarshal.AsBytes(read.AsSpan()));
        Int128 total = 0;
        foreach (uint digit in read.Reverse())
        {
            total = digit <= (uint)grid.Most * (uint)grid.Sites
                ? (total * (grid.Most + 1L)) + digit
                : throw Wrong("a digit of it is beyond what all sites' can come to");
        }

        return total > 0 && total <= (Int128)most * grid.Sites
            ? (long)total
            : throw Wrong($"it is {total}, of at most {grid.Sites} sites with at most {most} records each");
    }

    private static TensorFormatException Wrong(string what) => new($"the sum's number of records makes no sense: {what}; a site did not count as agreed, and which one a sum does not show");

    private sealed class Digits(SampleCount count) : TensorSource
    {
        private readonly uint[] _digits = Split(count);

        public override TensorManifest Manifest { get; } =
            new([new TensorEntry(new TensorSpec(RingTensors.Samples, DType.U32, new TensorShape(RingTensors.DigitsOf(count.Most, count.Grid.Most))))]);

        public override void Read(Tile tile, int offset, Span<byte> destination) => MemoryMarshal.AsBytes(_digits.AsSpan()).Slice(offset, destination.Length).CopyTo(destination);

        private static uint[] Split(SampleCount count)
        {
            uint[] digits = new uint[RingTensors.DigitsOf(count.Most, count.Grid.Most)];
            long rest = Math.Clamp(count.Samples, 0, count.Most);
            for (int i = 0; i < digits.Length; i++)
            {
                (rest, long digit) = Math.DivRem(rest, count.Grid.Most + 1L);
                digits[i] = (uint)digit;
            }

            return digits;
        }
    }
}
