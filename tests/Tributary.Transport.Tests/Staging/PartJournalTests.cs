namespace Tributary.Transport.Tests.Staging;

public sealed class PartJournalTests : IDisposable
{
    private static readonly PartLayout Layout = new(10_000, 1024);

    private readonly Scratch _scratch = new();

    private string Target => _scratch.PathOf("f");

    [Fact]
    public void What_was_recorded_is_there_after_a_restart_and_a_torn_last_line_is_not()
    {
        using (var journal = PartJournal.Open(Target, Layout))
        {
            journal.Add(3, PartChecksum.Of("a"u8));
            journal.Add(5, PartChecksum.Of("b"u8));
            journal.Add(7, PartChecksum.Of("c"u8));
            journal.Drop(3);
        }

        string path = Target + PartJournal.Suffix;
        File.AppendAllText(path, "+ 8 0123456789abcdef");
        using (var journal = PartJournal.Open(Target, Layout))
        {
            journal.Arrived.ShouldBe([5, 7]);
            journal[5].ShouldBe(PartChecksum.Of("b"u8));
            journal.Add(9, PartChecksum.Of("d"u8));
        }

        using (var journal = PartJournal.Open(Target, Layout))
        {
            journal.Arrived.ShouldBe([5, 7, 9]);
        }
    }

    [Fact]
    public void A_record_of_other_parts_is_not_used()
    {
        using (var journal = PartJournal.Open(Target, Layout))
        {
            journal.Add(3, PartChecksum.Of("a"u8));
        }

        using (var journal = PartJournal.Open(Target, new PartLayout(10_000, 2048)))
        {
            journal.Arrived.ShouldBeEmpty();
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("tributary-parts 1\nlength 100")]
    [InlineData("something else altogether\n")]
    public void A_record_whose_beginning_is_torn_or_foreign_begins_anew(string text)
    {
        File.WriteAllText(Target + PartJournal.Suffix, text);
        using var journal = PartJournal.Open(Target, Layout);
        journal.Arrived.ShouldBeEmpty();
    }

    [Fact]
    public void Two_transfers_into_the_same_file_are_refused()
    {
        using var journal = PartJournal.Open(Target, Layout);
        Should.Throw<IOException>(() => PartJournal.Open(Target, Layout)).Message.ShouldContain(Target);
    }

    public void Dispose() => _scratch.Dispose();
}
