namespace Tributary.Tensors;

/// <summary>
/// Tensors that can be read tile by tile, any tile at any time, again and again. A file is a source; so is a filter's view of
/// another source, and an average of many. Nothing is computed or read until somebody asks for a tile.
/// </summary>
/// <remarks>
/// <see cref="Read"/> gives the same bytes for the same arguments every time, and may be called from several threads at once.
/// Disposing a source releases what it opened itself, not the sources it was made from.
/// </remarks>
public abstract class TensorSource : IDisposable
{
    /// <summary>The tensors and their order.</summary>
    public abstract TensorManifest Manifest { get; }

    /// <summary>
    /// Whether the tiles lie in files just as they are read, so that reading them again costs no computing. Then any run of bytes may be
    /// read, not only strips.
    /// </summary>
    public virtual bool IsStored => false;

    /// <summary>
    /// Fills <paramref name="destination"/> with bytes of a tile, beginning at <paramref name="offset"/>. Where the tensor is dense
    /// the range is a strip: it begins at a multiple of <see cref="Tile.StripAlignment"/> elements.
    /// </summary>
    /// <exception cref="TensorFormatException">The values cannot be encoded or decoded (not finite, truncated ...).</exception>
    /// <exception cref="IOException">The file beneath could not be read.</exception>
    public abstract void Read(Tile tile, int offset, Span<byte> destination);

    /// <summary>Releases what this source opened.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Releases what this source opened.</summary>
    protected virtual void Dispose(bool disposing)
    {
    }
}
