using System.Runtime.ExceptionServices;

namespace Tributary.Tensors;

/// <summary>Takes the bytes of a tile. They are borrowed: gone when it returns.</summary>
public delegate void TileSink(Tile tile, ReadOnlySpan<byte> bytes);

/// <summary>
/// Reads a source's tiles on several threads and hands them over in order: the same bytes as one thread would, sooner. Whatever
/// reading a tile means (encoding, decoding, merging) is thereby spread over the cores.
/// </summary>
/// <remarks>
/// At most one tile a thread and one more are in memory, however slow the sink. The sink runs on the caller's thread. An error in reading a
/// tile is thrown when its turn comes, after the sink had all tiles before it, so that also errors do not depend on the threads.
/// </remarks>
public static class ParallelTiles
{
    /// <summary>Hands over all tiles of a source, in the order of its manifest.</summary>
    public static void ForEachInOrder(TensorSource source, int threads, TileSink sink, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        ForEachInOrder(source, source.Manifest.Tiles(), threads, sink, cancellationToken);
    }

    /// <summary>Hands over tiles of a source in the order given.</summary>
    /// <param name="source">What is read.</param>
    /// <param name="tiles">Which tiles, in which order; enumerated as they are needed.</param>
    /// <param name="threads">The threads that read, besides the caller's; with 1, the caller's does it all.</param>
    /// <param name="sink">Takes one tile after the other.</param>
    /// <param name="cancellationToken">Looked at between tiles.</param>
    public static void ForEachInOrder(TensorSource source, IEnumerable<Tile> tiles, int threads, TileSink sink, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(tiles);
        ArgumentNullException.ThrowIfNull(sink);
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        if (threads == 1)
        {
            foreach (Tile tile in tiles)
            {
                cancellationToken.ThrowIfCancellationRequested();
                using NativeBuffer buffer = Read(source, tile);
                sink(tile, buffer.Bytes);
            }

            return;
        }

        using var readers = new Readers(source, tiles, threads);
        while (readers.WaitForNext() is { } read)
        {
            cancellationToken.ThrowIfCancellationRequested();
            read.Error?.Throw();
            sink(read.Tile, read.Buffer!.Bytes);
            readers.Release();
        }
    }

    private static NativeBuffer Read(TensorSource source, Tile tile)
    {
        NativeBuffer buffer = NativeBuffer.Rent(source.Manifest[tile.Tensor].TileBytes(tile.Index));
        try
        {
            source.Read(tile, 0, buffer.Bytes);
            return buffer;
        }
        catch
        {
            ((IDisposable)buffer).Dispose();
            throw;
        }
    }

    /// <summary>A tile that is being read, has been, or could not be.</summary>
    private sealed class TileRead(Tile tile)
    {
        public Tile Tile { get; } = tile;

        public NativeBuffer? Buffer { get; set; }

        public ExceptionDispatchInfo? Error { get; set; }

        public bool IsDone => Buffer is not null || Error is not null;
    }

    /// <summary>The reading threads and the queue of their tiles, in order. One lock guards all; a tile takes far longer than it.</summary>
    private sealed class Readers : IDisposable
    {
        private readonly object _lock = new();
        private readonly Queue<TileRead> _reads = new();
        private readonly TensorSource _source;
        private readonly IEnumerator<Tile> _tiles;
        private readonly Thread[] _threads;
        private bool _isEnded;

        public Readers(TensorSource source, IEnumerable<Tile> tiles, int threads)
        {
            _source = source;
            _tiles = tiles.GetEnumerator();
            _threads = new Thread[threads];
            for (int i = 0; i < threads; i++)
            {
                _threads[i] = new Thread(ReadTiles) { IsBackground = true, Name = "tile reader" };
                _threads[i].Start();
            }
        }

        /// <summary>The tile whose turn it is, or null after the last.</summary>
        public TileRead? WaitForNext()
        {
            lock (_lock)
            {
                TileRead? next;
                while (!_reads.TryPeek(out next) ? !_isEnded : !next.IsDone)
                {
                    Monitor.Wait(_lock);
                }

                return next;
            }
        }

        /// <summary>Gives back the tile whose turn it was.</summary>
        public void Release()
        {
            lock (_lock)
            {
                ((IDisposable?)_reads.Dequeue().Buffer)?.Dispose();
                Monitor.PulseAll(_lock);
            }
        }

        public void Dispose()
        {
            lock (_lock)
            {
                _isEnded = true;
                Monitor.PulseAll(_lock);
            }

            foreach (Thread thread in _threads)
            {
                thread.Join();
            }

            while (_reads.TryDequeue(out TileRead? read))
            {
                ((IDisposable?)read.Buffer)?.Dispose();
            }

            _tiles.Dispose();
        }

        private void ReadTiles()
        {
            while (TakeNext() is { } read)
            {
                NativeBuffer? buffer = null;
                ExceptionDispatchInfo? error = null;
                try
                {
                    buffer = Read(_source, read.Tile);
                }
                catch (Exception exception)
                {
                    // Thrown again by the caller's thread, in the tile's turn.
                    error = ExceptionDispatchInfo.Capture(exception);
                }

                lock (_lock)
                {
                    (read.Buffer, read.Error) = (buffer, error);
                    Monitor.PulseAll(_lock);
                }
            }
        }

        /// <summary>Queues the next tile for the calling thread, once there is room; null when there is none left.</summary>
        private TileRead? TakeNext()
        {
            lock (_lock)
            {
                while (!_isEnded && _reads.Count > _threads.Length)
                {
                    Monitor.Wait(_lock);
                }

                if (!_isEnded && MoveNext())
                {
                    var read = new TileRead(_tiles.Current);
                    _reads.Enqueue(read);
                    return read;
                }

                _isEnded = true;
                Monitor.PulseAll(_lock);
                return null;
            }
        }

        /// <summary>Steps through the caller's enumeration, whose error is one of the tile that it did not give.</summary>
        private bool MoveNext()
        {
            try
            {
                return _tiles.MoveNext();
            }
            catch (Exception exception)
            {
                _reads.Enqueue(new TileRead(default) { Error = ExceptionDispatchInfo.Capture(exception) });
                return false;
            }
        }
    }
}
