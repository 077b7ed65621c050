namespace Tributary.Transport;

/// <summary>The digests of a source's parts: each is hashed once, when somebody first asks for it. Safe for several threads.</summary>
internal sealed class PartDigests
{
    private readonly PartLayout _layout;
    private readonly ByteSource _bytes;
    private readonly Lazy<Sha256Digest>[] _digests;

    public PartDigests(PartLayout layout, ByteSource bytes)
    {
        _layout = layout;
        _bytes = bytes;
        _digests = [.. Enumerable.Range(0, layout.Count).Select(part => new Lazy<Sha256Digest>(() => Hash(part)))];
    }

    /// <summary>The digests that are known, and null for the others.</summary>
    public Sha256Digest?[] Known => [.. _digests.Select(digest => digest.IsValueCreated ? digest.Value : (Sha256Digest?)null)];

    /// <summary>A part's digest, once its bytes are there.</summary>
    /// <exception cref="IOException">They cannot be read, or will never be there.</exception>
    public async ValueTask<Sha256Digest> GetAsync(int part, CancellationToken cancellationToken)
    {
        Lazy<Sha256Digest> digest = _digests[part];
        if (!digest.IsValueCreated)
        {
            await _bytes.WaitForAsync(_layout.OffsetOf(part) + _layout.BytesOf(part), cancellationToken);
        }

        return digest.Value;
    }

    private Sha256Digest Hash(int part) => PartHashing.Hash(_layout.OffsetOf(part), _layout.BytesOf(part), _bytes.Read);
}
