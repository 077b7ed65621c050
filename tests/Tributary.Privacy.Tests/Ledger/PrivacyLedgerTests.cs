using System.Runtime.Versioning;
using System.Text;
using Tributary.Privacy.Accounting;
using Tributary.Privacy.Ledger;
using Tributary.Privacy.Noise;
using Tributary.TestKit;

namespace Tributary.Privacy.Tests.Ledger;

/// <summary>The ledger is what a promise to patients rests on: it never forgets a round, never lets one through that breaks the budget, and survives whatever stops the machine.</summary>
public sealed class PrivacyLedgerTests : IDisposable
{
    private static readonly LedgerHeader Clinic = new("tumours", "site/clinic");
    private static readonly Mechanism Gaussian = new GaussianMechanism(2);

    private readonly TempFolder _folder = new();
    private readonly ManualTime _time = new();

    private string File => _folder[PrivacyLedger.FileName];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(2.0, null, 3.0)]
    [InlineData(5.0, null, 3.0)]
    [InlineData(0.9, 0.05, 2.5)]
    public void A_budget_allows_exactly_the_rounds_that_planning_says_also_across_restarts(double multiplier, double? rate, double epsilon)
    {
        Mechanism mechanism = Calibration.Gaussian(multiplier, rate);
        var budget = new PrivacyBudget(epsilon, 1e-5);
        long planned = Calibration.RoundsFor(mechanism, budget);
        planned.ShouldBeGreaterThan(0);
        int round = 1;
        for (; round <= planned; round++)
        {
            // Every third round in a new process, as far as the ledger can tell.
            using PrivacyLedger ledger = Open(budget);
            ledger.RoundsLeft(mechanism).ShouldBe(planned - round + 1);
            ledger.Spend(round, mechanism);
            for (int more = 0; more < 2 && round < planned; more++)
            {
                ledger.Spend(++round, mechanism);
            }
        }

        using PrivacyLedger full = Open(budget);
        full.Entries.Count.ShouldBe((int)planned);
        full.RoundsLeft(mechanism).ShouldBe(0);
        var refused = Should.Throw<PrivacyBudgetException>(() => full.Spend(round, mechanism));
        refused.RoundsSpent.ShouldBe((int)planned);
        refused.Left.ShouldBe(epsilon - full.Epsilon);
        refused.Left.ShouldBeGreaterThanOrEqualTo(0);
        refused.Message.ShouldContain($"good for {planned} round");
        full.Entries.Count.ShouldBe((int)planned, "a refusal leaves nothing");
        System.IO.File.Exists(_folder[$"round-{round:00000}.noise-key"]).ShouldBeFalse();
    }

    [Fact]
    public void A_round_that_is_tried_again_after_a_crash_has_the_same_noise_and_is_spent_once()
    {
        var budget = new PrivacyBudget(double.PositiveInfinity, 1e-5);
        string first;
        double epsilon;
        using (PrivacyLedger ledger = Open(budget))
        {
            first = ledger.Spend(1, Gaussian).Fingerprint;
            ledger.Spend(1, Gaussian).Fingerprint.ShouldBe(first);
            epsilon = ledger.Epsilon;
            ledger.Spend(2, Gaussian).Fingerprint.ShouldNotBe(first, "each round has noise of its own");
        }

        using PrivacyLedger again = Open(budget);
        again.Spend(1, Gaussian).Fingerprint.ShouldBe(first);
        again.Entries.Count.ShouldBe(2);
        again.Entries[0].Epsilon.ShouldBe(epsilon);
        again.Entries[1].Epsilon.ShouldBe(again.Epsilon);
    }

    [Fact]
    public void A_round_is_not_spent_again_with_other_numbers()
    {
        using PrivacyLedger ledger = Open(new PrivacyBudget(10, 1e-5));
        ledger.Spend(1, Gaussian);
        Should.Throw<PrivacyLedgerException>(() => ledger.Spend(1, new GaussianMechanism(2.0000001))).Message.ShouldContain("round 1 was spent with 1 x Gaussian noise of multiplier 2,");
        Should.Throw<PrivacyLedgerException>(() => ledger.Spend(1, Gaussian, uses: 2));
        Should.Throw<PrivacyLedgerException>(() => ledger.Spend(1, new SampledGaussianMechanism(2, 0.5)));
        ledger.Entries.Count.ShouldBe(1);
    }

    [Fact]
    public void Once_its_key_is_discarded_a_round_gets_no_other_noise()
    {
        using PrivacyLedger ledger = Open(new PrivacyBudget(10, 1e-5));
        ledger.Spend(1, Gaussian);
        ledger.DiscardKey(1);
        Directory.GetFiles(_folder.Path, "*.noise-key").ShouldBeEmpty();
        Should.Throw<PrivacyLedgerException>(() => ledger.Spend(1, Gaussian)).Message.ShouldContain("discarded");
    }

    [Fact]
    public void A_key_that_was_exchanged_is_not_used()
    {
        using PrivacyLedger ledger = Open(new PrivacyBudget(10, 1e-5));
        ledger.Spend(1, Gaussian);
        System.IO.File.WriteAllBytes(_folder["round-00001.noise-key"], new byte[NoiseKey.Length]);
        Should.Throw<PrivacyLedgerException>(() => ledger.Spend(1, Gaussian)).Message.ShouldContain("not the noise key");
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public void Only_the_owner_can_read_a_key()
    {
        using PrivacyLedger ledger = Open(new PrivacyBudget(10, 1e-5));
        ledger.Spend(1, Gaussian);
        System.IO.File.GetUnixFileMode(_folder["round-00001.noise-key"]).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    [Fact]
    public void A_line_that_was_cut_off_at_any_byte_is_named_and_its_round_was_not_spent()
    {
        var budget = new PrivacyBudget(10, 1e-5);
        using (PrivacyLedger ledger = Open(budget))
        {
            ledger.Spend(1, Gaussian);
        }

        long before = new FileInfo(File).Length;
        using (PrivacyLedger ledger = Open(budget))
        {
            ledger.TornLine.ShouldBeNull();
            ledger.Spend(2, Gaussian);
        }

        byte[] whole = System.IO.File.ReadAllBytes(File);
        for (int length = (int)before + 1; length < whole.Length; length += 17)
        {
            System.IO.File.WriteAllBytes(File, whole[..length]);
            LedgerContent.Read(File).TornLine.ShouldNotBeNull();
            using (PrivacyLedger ledger = Open(budget))
            {
                ledger.TornLine!.ShouldContain($"{File}: line 3 was cut off after {length - before} bytes");
                ledger.Entries.Count.ShouldBe(1);
                ledger.Spend(2, Gaussian);
            }

            LedgerContent.Read(File).Entries.Count.ShouldBe(2, "what follows a line that was cut off is whole");
        }
    }

    [Fact]
    public void A_line_that_was_changed_removed_moved_or_put_in_is_found()
    {
        var budget = new PrivacyBudget(100, 1e-5);
        using (PrivacyLedger ledger = Open(budget))
        {
            for (int round = 1; round <= 4; round++)
            {
                ledger.Spend(round, Gaussian);
            }
        }

        string[] lines = System.IO.File.ReadAllLines(File);
        void Refuses(int line, params string[] changed)
        {
            System.IO.File.WriteAllText(File, string.Concat(changed.Select(text => text + "\n")));
            Should.Throw<PrivacyLedgerException>(() => Open(budget)).Message.ShouldContain($"line {line} is not what was written");
        }

        Refuses(3, [lines[0], lines[1], lines[2].Replace("\"noiseMultiplier\":2", "\"noiseMultiplier\":9", StringComparison.Ordinal), lines[3], lines[4]]);
        Refuses(2, [lines[0], lines[2], lines[3], lines[4]]);
        Refuses(3, [lines[0], lines[1], lines[3], lines[2], lines[4]]);
        Refuses(3, [lines[0], lines[1], lines[1], lines[2], lines[3], lines[4]]);
        Refuses(2, [lines[0], "{}"]);
        Refuses(1, [string.Empty]);
    }

    [Fact]
    public void A_key_that_cannot_be_written_leaves_nothing_spent()
    {
        var budget = new PrivacyBudget(10, 1e-5);
        using (PrivacyLedger ledger = Open(budget))
        {
            // The name of the key's temporary file is taken by a folder that cannot be removed: the disk says no.
            Directory.CreateDirectory(Path.Combine(_folder["round-00001.noise-key.partial"], "full"));
            Should.Throw<Exception>(() => ledger.Spend(1, Gaussian)).ShouldBeAssignableTo<SystemException>();
            ledger.Epsilon.ShouldBe(0);
        }

        Directory.Delete(_folder["round-00001.noise-key.partial"], recursive: true);
        using PrivacyLedger again = Open(budget);
        again.Entries.ShouldBeEmpty();
        again.Spend(1, Gaussian);
    }

    [Fact]
    public void It_is_one_partys_in_one_job_and_one_process_has_it()
    {
        var budget = new PrivacyBudget(10, 1e-5);
        using (PrivacyLedger ledger = Open(budget))
        {
            Should.Throw<IOException>(() => Open(budget)).Message.ShouldContain("another process");
            ledger.Spend(1, Gaussian);
            LedgerContent.Read(File).Entries.Count.ShouldBe(1, "reports read it meanwhile");
        }

        Should.Throw<PrivacyLedgerException>(() => PrivacyLedger.Open(_folder.Path, Clinic with { Party = "site/other" }, budget, _time)).Message.ShouldContain("site/clinic in job 'tumours'");
        using PrivacyLedger again = Open(budget);
    }

    [Fact]
    public void A_line_says_what_was_done_and_reads_back_as_it_was()
    {
        var sampled = new SampledGaussianMechanism(1.1, 0.02);
        var distributed = new DistributedDiscreteGaussian(3.5, 4, 1 << 30, 40_000.25);
        using (PrivacyLedger ledger = Open(new PrivacyBudget(double.PositiveInfinity, 1e-6)))
        {
            _time.Advance(TimeSpan.FromHours(5));
            ledger.Spend(3, sampled, uses: 250);
            ledger.Spend(1, distributed);
        }

        string[] lines = System.IO.File.ReadAllLines(File, Encoding.UTF8);
        lines[0].ShouldStartWith("""{"job":"tumours","party":"site/clinic","hash":""");
        lines[1].ShouldStartWith("""{"round":3,"time":"2025-01-01T05:00:00+00:00","mechanism":{"kind":"poisson-sampled-gaussian","noiseMultiplier":1.1,"samplingRate":0.02},""");
        lines[1].ShouldContain("""},"uses":250,"delta":1E-06,"epsilon":""");
        lines[2].ShouldNotContain("samplingRate");
        IReadOnlyList<LedgerEntry> entries = LedgerContent.Read(File).Entries;
        entries.Select(entry => entry.Mechanism).ShouldBe([sampled, distributed]);
        entries[0].Epsilon.ShouldBe(RenyiCurve.Of(sampled).Times(250).Epsilon(1e-6));
    }

    [Fact]
    public void Rounds_of_different_kinds_share_one_budget()
    {
        using PrivacyLedger ledger = Open(new PrivacyBudget(4, 1e-5));
        ledger.Spend(1, new GaussianMechanism(4), uses: 3);
        ledger.Spend(2, new SampledGaussianMechanism(1, 0.01), uses: 500);
        RenyiCurve both = RenyiCurve.Of(new GaussianMechanism(4)).Times(3) + RenyiCurve.Of(new SampledGaussianMechanism(1, 0.01)).Times(500);
        ledger.Epsilon.ShouldBe(both.Epsilon(1e-5), 1e-12);
        Should.Throw<PrivacyBudgetException>(() => ledger.Spend(3, new GaussianMechanism(1)));
    }

    [Fact]
    public async Task Threads_that_ask_for_the_same_round_at_once_get_the_same_noise()
    {
        using PrivacyLedger ledger = Open(new PrivacyBudget(10, 1e-5));
        NoiseKey[] keys = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(() => ledger.Spend(1, Gaussian))));
        keys.Select(key => key.Fingerprint).Distinct().Count().ShouldBe(1);
        ledger.Entries.Count.ShouldBe(1);
    }

    private PrivacyLedger Open(PrivacyBudget budget) => PrivacyLedger.Open(_folder.Path, Clinic, budget, _time);
}
