using System.Numerics;
using System.Runtime.InteropServices;

namespace Tributary.Privacy.Noise;

/// <summary>
/// One element's own random bits: a first run of them is there, more are fetched from the element's own blocks when they are used up. So how many an element takes
/// changes nothing for any other.
/// </summary>
internal ref struct RandomBits(NoiseStream.Reader reader, UInt128 firstBlock, Span<byte> ready, Span<byte> spare)
{
    // Times the length of a run, which never comes near 256, it is still one.
    private const ulong RegisterMax = 1UL << 56;

    private readonly Span<byte> _spare = spare;
    private ReadOnlySpan<ulong> _words = MemoryMarshal.Cast<byte, ulong>(ready);
    private UInt128 _nextBlock = firstBlock + (uint)(ready.Length / NoiseStream.BlockBytes);
    private ulong _bits;
    private int _count;

    /// <summary>So many bits, up to 64, as an integer.</summary>
    public ulong Take(int count)
    {
        if (count <= _count)
        {
            _count -= count;
            return (_bits >> _count) & Mask(count);
        }

        int missing = count - _count;
        ulong high = _bits & Mask(_count);
        if (_words.IsEmpty)
        {
            reader.Fill(_nextBlock, _spare);
            _nextBlock += (uint)(_spare.Length / NoiseStream.BlockBytes);
            _words = MemoryMarshal.Cast<byte, ulong>(_spare);
        }

        _bits = _words[0];
        _words = _words[1..];
        _count = 64 - missing;
        // A shift by 64 would be none; then there are no high bits.
        return missing == 64 ? _bits : (high << missing) | (_bits >> _count);
    }

    /// <summary>An integer from 0 to below a limit, each with the same probability: as many bits as it takes, again until they are below it.</summary>
    public ulong Below(ulong limit)
    {
        int length = 64 - BitOperations.LeadingZeroCount(limit - 1);
        while (true)
        {
            ulong drawn = Take(length);
            if (drawn < limit)
            {
                return drawn;
            }
        }
    }

    /// <summary>True with the probability e^-(numerator / denominator), exactly (algorithm 1).</summary>
    public bool FlipExponential(UInt128 numerator, UInt128 denominator)
    {
        for (; numerator > denominator; numerator -= denominator)
        {
            if (!FlipSmall(1, 1))
            {
                return false;
            }
        }

        // Most fractions fit into registers, where this is several times faster.
        return denominator <= RegisterMax ? FlipSmall((ulong)numerator, (ulong)denominator) : FlipLarge(numerator, denominator);
    }

    private static ulong Mask(int count) => count == 64 ? ulong.MaxValue : (1UL << count) - 1;

    /// <summary>The same for a fraction of at most 1: how long a falling run of chances lasts is odd with that probability.</summary>
    private bool FlipSmall(ulong numerator, ulong denominator)
    {
        ulong length = 1;
        while (Below(checked(denominator * length)) < numerator)
        {
            length++;
        }

        return ulong.IsOddInteger(length);
    }

    private bool FlipLarge(UInt128 numerator, UInt128 denominator)
    {
        UInt128 length = 1;
        while (BelowLarge(checked(denominator * length)) < numerator)
        {
            length++;
        }

        return UInt128.IsOddInteger(length);
    }

    private UInt128 BelowLarge(UInt128 limit)
    {
        if (limit <= ulong.MaxValue)
        {
            return Below((ulong)limit);
        }

        int high = 64 - (int)UInt128.LeadingZeroCount(limit - 1);
        while (true)
        {
            var drawn = new UInt128(Take(high), Take(64));
            if (drawn < limit)
            {
                return drawn;
            }
        }
    }
}
