namespace Tributary.Transport;

/// <summary>The checksums of a source's parts, each of which is read for it once. Safe for several threads.</summary>
internal sealed class PartChecksums(PartLayout layout, ByteSource bytes)
{
    private readonly Lock _gate = new();
    private readonly PartChecksum?[] _checksums = new PartChecksum?[layout.Count];

    /// <summary>The checksums that are known, and null for the others.</summary>
    public PartChecksum?[] Known
    {
        get
        {
            lock (_gate)
            {
                return [.. _checksums];
            }
        }
    }

    /// <summary>A part's checksum; null where nobody has read it yet.</summary>
    public PartChecksum? Find(int part)
    {
        lock (_gate)
        {
            return _checksums[part];
        }
    }

    /// <summary>Notes what somebody found who has read all of a part.</summary>
    public void Learn(int part, PartChecksum checksum)
    {
        lock (_gate)
        {
            _checksums[part] = checksum;
        }
    }

    /// <summary>Completes when a part's bytes are there.</summary>
    /// <exception cref="IOException">They will never be there.</exception>
    public ValueTask WaitForAsync(int part, CancellationToken cancellationToken) =>
        bytes.WaitForAsync(layout.OffsetOf(part) + layout.BytesOf(part), cancellationToken);

    /// <summary>A part's checksum, once its bytes are there; reads them where nobody has.</summary>
    /// <exception cref="IOException">They cannot be read, or will never be there.</exception>
    public async ValueTask<PartChecksum> GetAsync(int part, CancellationToken cancellationToken)
    {
        if (Find(part) is { } known)
        {
            return known;
        }

        await WaitForAsync(part, cancellationToken);
        PartChecksum checksum = PartReading.ChecksumOf(layout.OffsetOf(part), layout.BytesOf(part), bytes.Read);
        Learn(part, checksum);
        return checksum;
    }
}
