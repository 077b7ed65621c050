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

    /// <summary>Plans the file.</summary>
    /// <param name="source">What is written.</param>
    /// <param name="metadata">The strings under <c>__metadata__</c>.</param>
    public SafetensorsWriter(TensorSource source, IReadOnlyDictionary<string, string>? metadata = null)
    {
        _source = source;
        Header = SafetensorsHeader.Plan(source.Manifest.Select(entry => entry.Encoding.StoredAs(entry.Spec)), metadata);
        _order = [.. Header.Tensors.Select(stored => source.Manifest.IndexOf(stored.Name))];
    }

    /// <summary>The file's header; its <see cref="SafetensorsHeader.FileLength"/> is what <see cref="WriteTo"/> will write.</summary>
    public SafetensorsHeader Header { get; }

    /// <summary>The threads that read tiles (and so encode, decode, merge): all cores unless told otherwise. The bytes do not depend on it.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Where in the file each tensor ends; the header counts to the first.</summary>
    public IEnumerable<long> TensorEnds => Enumerable.Range(0, _order.Length).Select(i => Header.Offset(i) + _source.Manifest[_order[i]].ByteLength);

    /// <summary>Writes header and tiles to a sink, in the order of the file.</summary>
    /// <param name="sink">Takes the bytes, on the caller's thread.</param>
    /// <param name="cancellationToken">Looked at between tiles.</param>
    public void WriteTo(ByteSink sink, CancellationToken cancellationToken = default)
    {
        sink(Header.Bytes.Span);
        IEnumerable<Tile> tiles = _order.SelectMany(tensor => Tiles(tensor));
        ParallelTiles.ForEachInOrder(_source, tiles, Threads, (_, bytes) => sink(bytes), cancellationToken);
    }

    /// <summary>Writes a file: under a temporary name, to the disk, then renamed, so that the path never names half a file.</summary>
    public void WriteFile(string path, CancellationToken cancellationToken = default) =>
        DurableFile.Write(path, Header.FileLength, stream => WriteTo(stream.Write, cancellationToken));

    private IEnumerable<Tile> Tiles(int tensor)
    {
        for (long index = 0; index < _source.Manifest[tensor].Spec.TileCount; index++)
        {
            yield return new Tile(tensor, index);
        }
    }
}
