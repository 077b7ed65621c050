using System.Buffers;
using System.Collections.Concurrent;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;

namespace Tributary.Transport;

/// <summary>
/// Kestrel's buffers in blocks of 256 KiB instead of 4, because it receives at most a block at a time: parts then arrive with a
/// sixtieth of the system calls. And whoever waits for bytes goes on at once on the thread that moved them: handing each block to
/// another one took a tenth of a transfer's time.
/// </summary>
public static class LargeBlocks
{
    // For each connection one block that fills while the other is written to the file; the usual MiB of them makes nothing faster.
    private const int ReadAheadBytes = 2 * PartReading.StepBytes;

    /// <summary>Gives Kestrel's sockets these blocks.</summary>
    public static IServiceCollection AddLargeBlocks(this IServiceCollection services) => services
        .AddSingleton<IMemoryPoolFactory<byte>>(new PoolFactory())
        .Configure<SocketTransportOptions>(sockets =>
        {
            sockets.MaxReadBufferSize = ReadAheadBytes;

            // Named unsafe because a handler that blocks holds up the socket that it answers: ours hold up no other.
            sockets.UnsafePreferInlineScheduling = true;
        });

    private sealed class PoolFactory : IMemoryPoolFactory<byte>
    {
        public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => new Pool();
    }

    /// <summary>Blocks of one size, whatever is asked for, a bounded number of which is kept for later.</summary>
    private sealed class Pool : MemoryPool<byte>
    {
        // Those of 32 connections, with what each is sending: a pinned block that is let go stays until a full collection.
        private const int KeptMax = 128;

        private readonly ConcurrentQueue<byte[]> _kept = new();

        public override int MaxBufferSize => PartReading.StepBytes;

        public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, PartReading.StepBytes);
            return new Block(this, _kept.TryDequeue(out byte[]? bytes) ? bytes : GC.AllocateUninitializedArray<byte>(PartReading.StepBytes, pinned: true));
        }

        protected override void Dispose(bool disposing) => _kept.Clear();

        private void Return(byte[] bytes)
        {
            if (_kept.Count < KeptMax)
            {
                _kept.Enqueue(bytes);
            }
        }

        private sealed class Block(Pool pool, byte[] bytes) : IMemoryOwner<byte>
        {
            private byte[]? _bytes = bytes;

            public Memory<byte> Memory => _bytes ?? throw new ObjectDisposedException(nameof(Block));

            public void Dispose()
            {
                if (Interlocked.Exchange(ref _bytes, null) is { } bytes)
                {
                    pool.Return(bytes);
                }
            }
        }
    }
}
