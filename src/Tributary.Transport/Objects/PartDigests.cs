namespace Tributary.Transport;

/// <summary>The digests of a source's parts, each of which is hashed once. Safe for several threads.</summary>
internal sealed class PartDigests(PartLayout layout, ByteSource bytes)
{
    private readonly Lock _gate = new();
    private readonly Sha256Digest?[] _digests = new Sha256Digest?[layout.Count];

    /// <summary>The digests that are known, and null for the others.</summary>
    public Sha256Digest?[] Known
    {
        get
        {
            lock (_gate)
            {
                return [.. _digests];
            }
        }
    }

    /// <summary>A part's digest; null where nobody has hashed it yet.</summary>
    public Sha256Digest? Find(int part)
    {
        lock (_gate)
        {
            return _digests[part];
        }
    }

    /// <summary>Notes what somebody found who has read all of a part.</summary>
    public void Learn(int part, Sha256Digest digest)
    {
        lock (_gate)
        {
            _digests[part] = digest;
        }
    }

    /// <summary>Completes when a part's bytes are there.</summary>
    /// <exception cref="IOException">They will never be there.</exception>
    public ValueTask WaitForAsync(int part, CancellationToken cancellationToken) =>
        bytes.WaitForAsync(layout.OffsetOf(part) + layout.BytesOf(part), cancellationToken);

    /// <summary>A part's digest, once its bytes are there; hashes them where nobody has.</summary>
    /// <exception cref="IOException">They cannot be read, or will never be there.</exception>
    public async ValueTask<Sha256Digest> GetAsync(int part, CancellationToken cancellationToken)
    {
        if (Find(part) is { } known)
        {
            return known;
        }

        await WaitForAsync(part, cancellationToken);
        Sha256Digest digest = PartHashing.Hash(layout.OffsetOf(part), layout.BytesOf(part), bytes.Read);
        Learn(part, digest);
        return digest;
    }
}
