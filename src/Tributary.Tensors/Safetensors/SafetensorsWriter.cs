namespace Tributary.Tensors.Safetensors;

/// <summary>Takes the bytes of a file, in order.</summary>
public delegate void ByteSink(ReadOnlySpan<byte> bytes);

/// <summary>
/// Writes a source as a safetensors file, tile by tile. Because encodings are fixed-rate, the whole layout is known before the first
/// tile is read.
/// </summary>
public sealed class SafetensorsWriter
{
    private readonly TensorSource _source;
    private readonly int[] _order;
    private readonly long[] _ends;

    /// <summary>Plans the file.</summary>
    /// <param name="source">What is written.</param>
    /// <param name="metadata">The strings under <c>__metadata__</c>.</param>
    public SafetensorsWriter(TensorSource source, IReadOnlyDictionary<string, string>? metadata = null)
    {
        _source = source;
        Header = SafetensorsHeader.Plan(source.Manifest.Select(entry => entry.Encoding.StoredAs(entry.Spec)), metadata);
        _order = [.. Header.Tensors.Select(stored => source.Manifest.IndexOf(stored.Name))];
        _ends = [.. _order.Select((tensor, stored) => Header.Offset(stored) + source.Manifest[tensor].ByteLength)];
    }

    /// <summary>The file's header; its <see cref="SafetensorsHeader.FileLength"/> is what <see cref="WriteTo"/> will write.</summary>
    public SafetensorsHeader Header { get; }

    /// <summary>The threads that read tiles (and so encode, decode, merge): all cores unless told otherwise. The bytes do not depend on it.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Where in the file each tensor ends; the header counts to the first.</summary>
    public IReadOnlyList<long> TensorEnds => _ends;

    /// <summary>Writes header and tiles to a sink, in the order of the file.</summary>
    /// <param name="sink">Takes the bytes, on the caller's thread.</param>
    /// <param name="cancellationToken">Looked at between tiles.</param>
    public void WriteTo(ByteSink sink, CancellationToken cancellationToken = default)
    {
        sink(Header.Bytes.Span);
        IEnumerable<Tile> tiles = _order.SelectMany(tensor => Tiles(tensor));
        ParallelTiles.ForEachInOrder(_source, tiles, Threads, (_, bytes) => sink(bytes), cancellationToken);
    }

    /// <summary>Fills the span with bytes of the file from <paramref name="offset"/> on, without writing it. Needs a stored source.</summary>
    /// <exception cref="InvalidOperationException">The source computes its tiles, see <see cref="TensorSource.IsStored"/>.</exception>
    public void Read(long offset, Span<byte> destination)
    {
        if (!_source.IsStored)
        {
            throw new InvalidOperationException("only a file whose tensors are stored can be read without writing it");
        }

        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Header.FileLength - destination.Length);
        if (offset < Header.Bytes.Length)
        {
            int count = (int)Math.Min(destination.Length, Header.Bytes.Length - offset);
            Header.Bytes.Span.Slice((int)offset, count).CopyTo(destination);
            destination = destination[count..];
            offset += count;
        }

        for (int stored = TensorAt(offset); destination.Length > 0; stored++)
        {
            TensorEntry entry = _source.Manifest[_order[stored]];
            while (destination.Length > 0 && offset < _ends[stored])
            {
                (long tile, int within) = entry.TileAt(offset - Header.Offset(stored));
                int count = Math.Min(destination.Length, entry.TileBytes(tile) - within);
                _source.Read(new Tile(_order[stored], tile), within, destination[..count]);
                destination = destination[count..];
                offset += count;
            }
        }
    }

    /// <summary>Writes a file: under a temporary name, to the disk, then renamed, so that the path never names half a file.</summary>
    public void WriteFile(string path, CancellationToken cancellationToken = default) =>
        DurableFile.Write(path, Header.FileLength, stream => WriteTo(stream.Write, cancellationToken));

    /// <summary>The first tensor that ends behind a byte.</summary>
    private int TensorAt(long offset)
    {
        int at = Array.BinarySearch(_ends, offset + 1);
        if (at < 0)
        {
            return ~at;
        }

        // Tensors without elements end where their neighbours do.
        while (at > 0 && _ends[at - 1] == offset + 1)
        {
            at--;
        }

        return at;
    }

    private IEnumerable<Tile> Tiles(int tensor)
    {
        for (long index = 0; index < _source.Manifest[tensor].Spec.TileCount; index++)
        {
            yield return new Tile(tensor, index);
        }
    }
}
