namespace Tributary.Transport;

/// <summary>Disjoint runs of bytes, [from, to), sorted and merged. Not safe for several threads.</summary>
internal sealed class RangeSet
{
    private readonly List<(long From, long To)> _ranges = [];

    /// <summary>How far the bytes reach without a gap from 0.</summary>
    public long Prefix => _ranges.Count > 0 && _ranges[0].From == 0 ? _ranges[0].To : 0;

    public void Add(long from, long to)
    {
        if (from >= to)
        {
            return;
        }

        // Every range that touches the new one is merged into it.
        int first = FirstEndingAtOrAfter(from);
        int after = first;
        while (after < _ranges.Count && _ranges[after].From <= to)
        {
            from = Math.Min(from, _ranges[after].From);
            to = Math.Max(to, _ranges[after].To);
            after++;
        }

        if (after == first)
        {
            _ranges.Insert(first, (from, to));
            return;
        }

        _ranges[first] = (from, to);
        _ranges.RemoveRange(first + 1, after - first - 1);
    }

    public bool Contains(long from, long to)
    {
        if (from >= to)
        {
            return true;
        }

        int at = FirstEndingAtOrAfter(to);
        return at < _ranges.Count && _ranges[at].From <= from;
    }

    /// <summary>The runs inside [from, to) that are not there.</summary>
    public List<(long From, long To)> Gaps(long from, long to)
    {
        List<(long From, long To)> gaps = [];
        for (int at = FirstEndingAtOrAfter(from); from < to; at++)
        {
            long next = at < _ranges.Count ? Math.Min(_ranges[at].From, to) : to;
            if (next > from)
            {
                gaps.Add((from, next));
            }

            from = at < _ranges.Count ? Math.Max(from, _ranges[at].To) : to;
        }

        return gaps;
    }

    private int FirstEndingAtOrAfter(long position)
    {
        int low = 0;
        int high = _ranges.Count;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (_ranges[middle].To < position)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }
}
