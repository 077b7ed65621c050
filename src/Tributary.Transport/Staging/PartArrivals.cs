namespace Tributary.Transport;

/// <summary>The parts of a download that are there: in the staged file, and on record once they are on disk. Safe for several threads.</summary>
internal sealed class PartArrivals(PartLayout layout, PartJournal journal, StagedFile file)
{
    private readonly Lock _gate = new();
    private readonly PartChecksum?[] _checksums = new PartChecksum?[layout.Count];

    /// <summary>Parts that are verified but still held in memory with the rest of their unit.</summary>
    private readonly HashSet<int> _held = [];

    /// <summary>
    /// Takes what an earlier attempt left, where it still is what the record says and what the other side has. Gives its bytes.
    /// </summary>
    public async Task<long> ResumeAsync(IReadOnlyList<PartChecksum?> expected, CancellationToken cancellationToken)
    {
        if (!file.Resumed)
        {
            journal.DropAll();
            return 0;
        }

        DropOthers(expected);
        await journal.VerifyAsync(file.Handle, layout, cancellationToken);
        long bytes = 0;
        foreach (int part in journal.Arrived)
        {
            _checksums[part] = journal[part];
            file.MarkResumed(layout.OffsetOf(part), layout.BytesOf(part));
            bytes += layout.BytesOf(part);
        }

        return bytes;
    }

    public bool Has(int part)
    {
        lock (_gate)
        {
            return _checksums[part] is not null;
        }
    }

    /// <summary>A part is put on record when it is in the file; with units, that may be when a later part completes the unit.</summary>
    public void Add(int part, PartChecksum checksum)
    {
        lock (_gate)
        {
            _checksums[part] = checksum;
            _held.Add(part);
        }

        file.MarkWritten(layout.OffsetOf(part), layout.BytesOf(part));
        lock (_gate)
        {
            foreach (int held in _held.Where(held => file.IsVisible(layout.OffsetOf(held), layout.BytesOf(held))).ToArray())
            {
                _held.Remove(held);
                journal.Add(held, _checksums[held]!.Value);
            }
        }
    }

    /// <summary>What arrived, once all of it has.</summary>
    public ObjectDescriptor Describe(string id) => new(id, layout, [.. _checksums.Select(checksum => checksum!.Value)]);

    /// <summary>Takes off the record what is known to be another object's, so that a next attempt fetches it.</summary>
    public void DropOthers(IReadOnlyList<PartChecksum?> expected)
    {
        lock (_gate)
        {
            foreach (int part in journal.Arrived.Where(part => expected[part] is { } checksum && checksum != journal[part]).ToArray())
            {
                journal.Drop(part);
            }
        }
    }
}
