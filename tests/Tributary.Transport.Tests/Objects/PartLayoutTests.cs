using FsCheck;
using FsCheck.Fluent;

namespace Tributary.Transport.Tests.Objects;

public sealed class PartLayoutTests
{
    [Fact]
    public void Parts_cover_an_object_without_gap_or_overlap()
    {
        Prop.ForAll<uint, ushort>((length, partBytes) =>
        {
            var layout = new PartLayout(length % 10_000_000, PartLayout.PartBytesMin + partBytes);
            long end = 0;
            for (int part = 0; part < layout.Count; part++)
            {
                layout.OffsetOf(part).ShouldBe(end);
                layout.BytesOf(part).ShouldBeInRange(1, layout.PartBytes);
                end += layout.BytesOf(part);
            }

            return end == layout.Length;
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void An_object_longer_than_memory_has_parts_beyond_two_gigabytes()
    {
        var layout = new PartLayout((5L << 30) + 3);
        (layout.Count, layout.OffsetOf(640), layout.BytesOf(640)).ShouldBe((641, 5L << 30, 3));
        Should.Throw<ArgumentOutOfRangeException>(() => layout.OffsetOf(641));
        Should.Throw<ArgumentException>(() => new PartLayout(long.MaxValue)).Message.ShouldContain("larger parts");
    }
}
