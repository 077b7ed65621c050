namespace Tributary.Tensors;

/// <summary>The same tensors; tells how many bytes have been read so far, counting again what is read again.</summary>
public sealed class WatchedSource(TensorSource source, IProgress<long> progress) : TensorSource
{
    private long _bytes;

    /// <inheritdoc/>
    public override TensorManifest Manifest => source.Manifest;

    /// <inheritdoc/>
    public override void Read(Tile tile, int offset, Span<byte> destination)
    {
        source.Read(tile, offset, destination);
        progress.Report(Interlocked.Add(ref _bytes, destination.Length));
    }
}
