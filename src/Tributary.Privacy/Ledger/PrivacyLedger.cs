using System.Text;
using System.Text.Json;
using Tributary.Privacy.Accounting;
using Tributary.Privacy.Noise;
using Tributary.Tensors;

namespace Tributary.Privacy.Ledger;

/// <summary>
/// What a party has spent in a job, round by round, and the only way to a round's noise: the entry is on the disk before the key is handed out, and where the
/// budget does not allow the round there is neither. A file of lines of JSON that only grows. Safe for several threads; for one process.
/// </summary>
public sealed class PrivacyLedger : IDisposable
{
    /// <summary>The name of the file.</summary>
    public const string FileName = "privacy-ledger.jsonl";

    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private readonly FileStream _file;
    private readonly FileStream _use;
    private readonly NoiseKeyFolder _keys;
    private readonly List<LedgerEntry> _entries;
    private readonly Dictionary<Mechanism, RenyiCurve> _curves = [];
    private string _head;

    private PrivacyLedger(string folder, PrivacyBudget budget, TimeProvider time, FileStream file, FileStream use, LedgerContent content)
    {
        (Budget, _time, _file, _use, _keys) = (budget, time, file, use, new NoiseKeyFolder(folder));
        (_entries, _head, TornLine) = ([.. content.Entries], content.Head, content.TornLine);
    }

    /// <summary>The budget.</summary>
    public PrivacyBudget Budget { get; }

    /// <summary>The rounds that were spent, in their order.</summary>
    public IReadOnlyList<LedgerEntry> Entries
    {
        get
        {
            lock (_lock)
            {
                return [.. _entries];
            }
        }
    }

    /// <summary>Epsilon so far, at the budget's delta.</summary>
    public double Epsilon
    {
        get
        {
            lock (_lock)
            {
                return Spent().Epsilon(Budget.Delta);
            }
        }
    }

    /// <summary>What to say of a last line that had been cut off when the ledger was opened, and that was removed; null where there was none.</summary>
    public string? TornLine { get; }

    /// <summary>Opens a party's ledger of a job, and begins it where there is none.</summary>
    /// <param name="folder">The job's folder at the party; noise keys lie there, too, so nobody else should look into it.</param>
    /// <param name="header">Whose it is.</param>
    /// <param name="budget">What may be spent.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="PrivacyLedgerException">It is another's, or not what was written.</exception>
    /// <exception cref="IOException">It cannot be opened, such as while another process has it.</exception>
    public static PrivacyLedger Open(string folder, LedgerHeader header, PrivacyBudget budget, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(budget);
        Directory.CreateDirectory(folder);
        string path = Path.Combine(folder, FileName);
        FileStream use = TakeAlone(path);
        FileStream? file = null;
        try
        {
            if (!File.Exists(path))
            {
                DurableFile.WriteText(path, LedgerLines.Seal(JsonSerializer.Serialize(header, LedgerJson.Default.LedgerHeader), LedgerLines.Origin).Line);
            }

            file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
            LedgerContent content = LedgerContent.Read(file, path);
            if (content.Header != header)
            {
                throw new PrivacyLedgerException($"{path}: is the ledger of {content.Header.Party} in job '{content.Header.Job}', not of {header.Party} in '{header.Job}'");
            }

            file.SetLength(content.Length);
            return new PrivacyLedger(folder, budget, time, file, use, content);
        }
        catch
        {
            file?.Dispose();
            use.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Enters what a round spends, once, and gives the key of its noise. Asked again for the same, as after a crash, it gives the same key and spends nothing more; the
    /// message made with it has to be the same then, too.
    /// </summary>
    /// <param name="round">The round.</param>
    /// <param name="mechanism">What is done.</param>
    /// <param name="uses">How often it is done in the round, from 1.</param>
    /// <exception cref="PrivacyBudgetException">The budget does not allow it; nothing was entered.</exception>
    /// <exception cref="PrivacyLedgerException">The round was spent with other numbers, or its key is discarded.</exception>
    /// <exception cref="IOException">The entry or the key could not be written; nothing was entered.</exception>
    public NoiseKey Spend(int round, Mechanism mechanism, long uses = 1)
    {
        ArgumentNullException.ThrowIfNull(mechanism);
        ArgumentOutOfRangeException.ThrowIfLessThan(uses, 1);
        lock (_lock)
        {
            if (_entries.Find(entry => entry.Round == round) is { } spent)
            {
                return spent.Mechanism == mechanism && spent.Uses == uses
                    ? _keys.Read(round, spent.Key)
                    : throw new PrivacyLedgerException($"{_file.Name}: round {round} was spent with {spent.Uses} x {spent.Mechanism}, and cannot be spent again with {uses} x {mechanism}");
            }

            RenyiCurve before = Spent();
            double epsilon = Spent((mechanism, uses)).Epsilon(Budget.Delta);
            if (!(epsilon <= Budget.Epsilon))
            {
                throw new PrivacyBudgetException(round, Budget, before.Epsilon(Budget.Delta), epsilon, _entries.Count);
            }

            if (double.IsInfinity(epsilon))
            {
                throw new PrivacyLedgerException($"{_file.Name}: {uses} x {mechanism} spends an epsilon without end, which cannot be counted; add more noise");
            }

            NoiseKey key = _keys.Make(round);
            Append(new LedgerEntry(round, _time.GetUtcNow(), mechanism, uses, Budget.Delta, epsilon, key.Fingerprint));
            return key;
        }
    }

    /// <summary>How many more rounds of a kind the budget is good for; <see cref="long.MaxValue"/> where nothing stops them.</summary>
    /// <param name="mechanism">What is done.</param>
    /// <param name="uses">How often in a round.</param>
    public long RoundsLeft(Mechanism mechanism, long uses = 1)
    {
        lock (_lock)
        {
            return Calibration.RoundsLeft(rounds => Spent((mechanism, rounds * uses)), Budget);
        }
    }

    /// <summary>Removes a round's key, once its message is safe and is what will be sent. The round stays spent.</summary>
    public void DiscardKey(int round)
    {
        lock (_lock)
        {
            _keys.Discard(round);
        }
    }

    /// <summary>Closes the file.</summary>
    public void Dispose()
    {
        _file.Dispose();
        _use.Dispose();
    }

    /// <summary>Two that write would each allow the other's rounds. The ledger's own file stays open to readers, so another one is held; the system lets go of it when a process ends.</summary>
    private static FileStream TakeAlone(string path)
    {
        try
        {
            return new FileStream(path + ".in-use", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e)
        {
            throw new IOException($"{path}: cannot be taken, as when another process has it open ({e.Message})", e);
        }
    }

    /// <summary>
    /// Equal uses are counted and multiplied, not added one by one, so that the sum's rounding depends on neither their order nor a restart, and planning comes to the same.
    /// </summary>
    private RenyiCurve Spent(params ReadOnlySpan<(Mechanism Mechanism, long Uses)> more)
    {
        var uses = new SortedDictionary<string, (Mechanism Mechanism, long Uses)>(StringComparer.Ordinal);
        void Count(Mechanism mechanism, long count)
        {
            string name = mechanism.ToString();
            uses[name] = (mechanism, count + (uses.TryGetValue(name, out (Mechanism Mechanism, long Uses) known) ? known.Uses : 0));
        }

        _entries.ForEach(entry => Count(entry.Mechanism, entry.Uses));
        foreach ((Mechanism mechanism, long count) in more)
        {
            Count(mechanism, count);
        }

        return uses.Values.Aggregate(RenyiCurve.Zero, (sum, use) => sum.Plus(CurveOf(use.Mechanism), use.Uses));
    }

    private RenyiCurve CurveOf(Mechanism mechanism) => _curves.TryGetValue(mechanism, out RenyiCurve? curve) ? curve : _curves[mechanism] = RenyiCurve.Of(mechanism);

    private void Append(LedgerEntry entry)
    {
        (string line, string hash) = LedgerLines.Seal(JsonSerializer.Serialize(entry, LedgerJson.Default.LedgerEntry), _head);
        long end = _file.Length;
        try
        {
            _file.Position = end;
            _file.Write(Encoding.UTF8.GetBytes(line));
            _file.Flush(flushToDisk: true);
        }
        catch
        {
            _file.SetLength(end);
            throw;
        }

        _head = hash;
        _entries.Add(entry);
    }
}
