using FsCheck;
using FsCheck.Fluent;

namespace Tributary.Transport.Tests.Staging;

public sealed class RangeSetTests
{
    [Fact]
    public void Ranges_agree_with_a_plain_list_of_bytes_whatever_the_order()
    {
        Prop.ForAll<(byte From, byte Count)[], byte, byte>((adds, from, count) =>
        {
            var ranges = new RangeSet();
            bool[] bytes = new bool[600];
            foreach ((byte first, byte length) in adds)
            {
                int few = length % 40;
                ranges.Add(first, first + few);
                bytes.AsSpan(first, few).Fill(true);
            }

            long prefix = Array.IndexOf(bytes, false);
            bool[] gaps = new bool[600];
            foreach ((long gapFrom, long gapTo) in ranges.Gaps(from, from + count))
            {
                gaps.AsSpan((int)gapFrom, (int)(gapTo - gapFrom)).Fill(true);
            }

            bool[] expected = new bool[600];
            for (int at = from; at < from + count; at++)
            {
                expected[at] = !bytes[at];
            }

            return ranges.Prefix == prefix
                && ranges.Contains(from, from + count) == !bytes.AsSpan(from, count).Contains(false)
                && gaps.AsSpan().SequenceEqual(expected);
        }).QuickCheckThrowOnFailure();
    }
}
