using Tributary.Privacy.Accounting;
using Tributary.Privacy.Ledger;
using Tributary.TestKit;

namespace Tributary.Privacy.Tests.Ledger;

/// <summary>A disk that is full when a round is entered costs that round, and not the ledger.</summary>
public sealed class FullDiskTests : IDisposable
{
    private const int PageBytes = 4096;

    private readonly SmallDisk? _disk = SmallDisk.TryMount(64 * PageBytes);

    private SmallDisk Disk
    {
        get
        {
            Assert.SkipWhen(_disk is null, "mounting a tmpfs is not allowed here");
            return _disk!;
        }
    }

    public void Dispose() => _disk?.Dispose();

    [Fact]
    public void An_entry_that_does_not_fit_is_not_spent_and_can_be_entered_when_there_is_room()
    {
        var header = new LedgerHeader("tumours", "site/clinic");
        var budget = new PrivacyBudget(1000, 1e-5);
        Mechanism mechanism = new GaussianMechanism(3);
        bool wasFull = false;
        using (PrivacyLedger ledger = PrivacyLedger.Open(Disk["job"], header, budget, TimeProvider.System))
        {
            for (int round = 1; !wasFull; round++)
            {
                // Room for the round's key, and none for an entry that does not fit into the ledger's last page.
                Disk.Fill(PageBytes);
                double before = ledger.Epsilon;
                try
                {
                    ledger.Spend(round, mechanism);
                    Disk.MakeRoom();
                }
                catch (IOException)
                {
                    wasFull = true;
                    ledger.Entries.Count.ShouldBe(round - 1);
                    ledger.Epsilon.ShouldBe(before);
                    Disk.MakeRoom();
                    ledger.Spend(round, mechanism);
                    ledger.Entries.Count.ShouldBe(round);
                }

                round.ShouldBeLessThan(60, "the ledger's page never was full");
            }
        }

        using PrivacyLedger again = PrivacyLedger.Open(Disk["job"], header, budget, TimeProvider.System);
        again.TornLine.ShouldBeNull();
        again.Epsilon.ShouldBe(RenyiCurve.Of(mechanism).Times(again.Entries.Count).Epsilon(1e-5));
    }
}
