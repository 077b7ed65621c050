using System.Buffers.Binary;
using System.Security.Cryptography;
using Tributary.Tensors;

namespace Tributary.Privacy.Noise;

/// <summary>
/// Random bytes that can be read anywhere, in any order, by any thread, and are the same each time: AES-256 in counter mode (NIST SP 800-38A), of which each block
/// is addressed by its number.
/// </summary>
public sealed class NoiseStream
{
    /// <summary>The bytes of a block.</summary>
    public const int BlockBytes = 16;

    // Large enough that preparing the cipher for a run is little beside it, small enough for a core's own cache.
    private const int ChunkBytes = 32768;

    private readonly byte[] _key;

    /// <summary>The stream of one tensor, for one purpose.</summary>
    /// <param name="key">The round's key.</param>
    /// <param name="purpose">What it is for; streams of different purposes have nothing in common.</param>
    /// <param name="tensor">The tensor's name.</param>
    public NoiseStream(NoiseKey key, string purpose, string tensor)
        : this(key.Derive(purpose, tensor))
    {
    }

    internal NoiseStream(byte[] key) => _key = key;

    /// <summary>Fills a run of whole blocks.</summary>
    /// <param name="first">The number of the first block.</param>
    /// <param name="destination">Receives the bytes; its length is a multiple of <see cref="BlockBytes"/>.</param>
    public void Fill(UInt128 first, Span<byte> destination)
    {
        using Reader reader = Open();
        reader.Fill(first, destination);
    }

    /// <summary>The numbers of consecutive blocks, as <see cref="Encrypt"/> takes them: for many streams that are read at the same place they are written once.</summary>
    internal static void Number(UInt128 first, Span<byte> numbers)
    {
        for (int at = 0; at < numbers.Length; at += BlockBytes)
        {
            BinaryPrimitives.WriteUInt128BigEndian(numbers[at..], first++);
        }
    }

    /// <summary>Fills the blocks of these numbers.</summary>
    internal void Encrypt(ReadOnlySpan<byte> numbers, Span<byte> destination)
    {
        using Aes aes = Aes.Create();
        aes.SetKey(_key);
        aes.EncryptEcb(numbers, destination, PaddingMode.None);
    }

    /// <summary>Begins reading: for one thread, and cheaper for many short runs.</summary>
    internal Reader Open() => new(_key);

    /// <summary>A cipher that is ready. Disposing it forgets the key.</summary>
    internal sealed class Reader : IDisposable
    {
        private readonly Aes _aes = Aes.Create();
        private readonly NativeBuffer _counters = NativeBuffer.Rent(ChunkBytes);

        public Reader(byte[] key) => _aes.SetKey(key);

        /// <summary>Fills a run of whole blocks with consecutive numbers.</summary>
        public void Fill(UInt128 first, Span<byte> destination)
        {
            while (!destination.IsEmpty)
            {
                Span<byte> counters = _counters.Bytes[..Math.Min(ChunkBytes, destination.Length)];
                Number(first, counters);
                first += (uint)(counters.Length / BlockBytes);
                Encrypt(counters, destination[..counters.Length]);
                destination = destination[counters.Length..];
            }
        }

        /// <summary>Fills blocks whose numbers lie apart: so many from each multiple of a stride.</summary>
        /// <param name="first">The number of the first run's first block.</param>
        /// <param name="stride">From one run's first block to the next one's.</param>
        /// <param name="run">The blocks of a run.</param>
        /// <param name="destination">Receives whole runs, at most <see cref="ChunkBytes"/>.</param>
        public void FillRuns(UInt128 first, UInt128 stride, int run, Span<byte> destination)
        {
            Span<byte> counters = _counters.Bytes[..destination.Length];
            for (int at = 0; at < counters.Length; first += stride)
            {
                for (int block = 0; block < run; block++, at += BlockBytes)
                {
                    BinaryPrimitives.WriteUInt128BigEndian(counters[at..], first + (uint)block);
                }
            }

            Encrypt(counters, destination);
        }

        public void Dispose()
        {
            ((IDisposable)_counters).Dispose();
            _aes.Dispose();
        }

        private void Encrypt(ReadOnlySpan<byte> counters, Span<byte> destination) => _aes.EncryptEcb(counters, destination, PaddingMode.None);
    }
}
