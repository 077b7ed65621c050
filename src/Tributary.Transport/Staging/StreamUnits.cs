namespace Tributary.Transport;

/// <summary>
/// The units of a <see cref="StagedFile"/>: which bytes of them are there, and which units that completes. Not safe for several threads.
/// </summary>
internal sealed class StreamUnits
{
    private readonly long[] _ends;
    private readonly bool[] _taken;
    private readonly RangeSet _written = new();

    /// <summary>Takes ascending ends; what is left behind the last one is a unit, too.</summary>
    /// <exception cref="ArgumentException">The ends do not ascend, or go beyond the length.</exception>
    public StreamUnits(long length, IReadOnlyList<long> ends)
    {
        List<long> kept = [];
        foreach (long end in ends)
        {
            if (end > length || end < (kept.Count > 0 ? kept[^1] : 0))
            {
                throw new ArgumentException($"A unit cannot end at {end}: ends ascend, and the file has {length} bytes.", nameof(ends));
            }

            // An empty unit, as of a tensor without elements, is nothing to wait for.
            if (end > 0 && (kept.Count == 0 || end > kept[^1]))
            {
                kept.Add(end);
            }
        }

        if (length > 0 && (kept.Count == 0 || kept[^1] < length))
        {
            kept.Add(length);
        }

        _ends = [.. kept];
        _taken = new bool[_ends.Length];
    }

    /// <summary>Notes bytes that are there, and completes nothing.</summary>
    public void Add(long from, long to) => _written.Add(from, to);

    /// <summary>Notes bytes that are there; gives the units that are complete by them, each once.</summary>
    public List<(long From, long To)> Complete(long from, long to)
    {
        _written.Add(from, to);
        List<(long From, long To)> complete = [];
        int unit = Array.BinarySearch(_ends, from);
        for (unit = unit < 0 ? ~unit : unit + 1; unit < _ends.Length; unit++)
        {
            long begin = unit == 0 ? 0 : _ends[unit - 1];
            if (begin >= to)
            {
                break;
            }

            if (!_taken[unit] && _written.Contains(begin, _ends[unit]))
            {
                _taken[unit] = true;
                complete.Add((begin, _ends[unit]));
            }
        }

        return complete;
    }
}
