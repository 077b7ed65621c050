using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace Tributary.Transport;

/// <summary>
/// A long run of bytes in memory, in chunks of native memory that are taken when first written and given back piece by piece, so that
/// neither an array's 2 GB nor the garbage collector matter. Writes to different bytes may come from several threads.
/// </summary>
internal sealed unsafe class ChunkStore : IDisposable
{
    public const int ChunkBytes = 1 << 20;

    /// <summary>How many chunks nobody uses are kept for later, by all stores together.</summary>
    private const int KeptMax = 16;

    private static readonly ConcurrentBag<nint> Kept = [];
    private static long s_held;

    private readonly Lock _gate = new();
    private readonly Dictionary<long, nint> _chunks = [];

    /// <summary>The bytes that all stores hold now. A test that ends with more than it began has found a leak.</summary>
    public static long HeldBytes => Interlocked.Read(ref s_held) * ChunkBytes;

    public void Write(long offset, ReadOnlySpan<byte> source)
    {
        while (source.Length > 0)
        {
            int within = (int)(offset % ChunkBytes);
            int count = Math.Min(source.Length, ChunkBytes - within);
            source[..count].CopyTo(new Span<byte>((byte*)Chunk(offset / ChunkBytes) + within, count));
            source = source[count..];
            offset += count;
        }
    }

    /// <summary>Gives the bytes of [from, to), which were written before, chunk by chunk.</summary>
    public void Read(long from, long to, ReadChunk take)
    {
        while (from < to)
        {
            int within = (int)(from % ChunkBytes);
            int count = (int)Math.Min(to - from, ChunkBytes - within);
            take(from, new ReadOnlySpan<byte>((byte*)Chunk(from / ChunkBytes) + within, count));
            from += count;
        }
    }

    /// <summary>Gives back a chunk that no one reads or writes any more. A chunk that was never taken is passed over.</summary>
    public void Release(long chunk)
    {
        nint address;
        lock (_gate)
        {
            if (!_chunks.Remove(chunk, out address))
            {
                return;
            }
        }

        Return(address);
    }

    public void Dispose()
    {
        lock (_gate)
        {
            foreach (nint address in _chunks.Values)
            {
                Return(address);
            }

            _chunks.Clear();
        }
    }

    private nint Chunk(long index)
    {
        lock (_gate)
        {
            if (!_chunks.TryGetValue(index, out nint address))
            {
                if (!Kept.TryTake(out address))
                {
                    address = (nint)NativeMemory.Alloc(ChunkBytes);
                }

                _chunks[index] = address;
                Interlocked.Increment(ref s_held);
            }

            return address;
        }
    }

    private static void Return(nint address)
    {
        Interlocked.Decrement(ref s_held);
        if (Kept.Count < KeptMax)
        {
            Kept.Add(address);
            return;
        }

        NativeMemory.Free((void*)address);
    }
}

/// <summary>Takes bytes that stand at an offset.</summary>
internal delegate void ReadChunk(long offset, ReadOnlySpan<byte> bytes);
