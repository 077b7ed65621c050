using System.Buffers;
using System.Collections.Concurrent;
using Microsoft.Win32.SafeHandles;

namespace Tributary.Transport;

/// <summary>Reads parts of files for their checksums, several at a time, each through one small buffer.</summary>
internal static class PartReading
{
    /// <summary>How many bytes are read, checked and sent at a time, everywhere: 256 KiB, which measured fastest.</summary>
    public const int StepBytes = 256 << 10;

    private const int ThreadsMax = 4;

    /// <summary>Fills the span from the file, or says how many bytes there were before its end.</summary>
    public static int ReadFully(SafeFileHandle file, long offset, Span<byte> destination)
    {
        int filled = 0;
        while (filled < destination.Length)
        {
            int read = RandomAccess.Read(file, destination[filled..], offset + filled);
            if (read == 0)
            {
                break;
            }

            filled += read;
        }

        return filled;
    }

    /// <summary>The checksum of one run of bytes that <paramref name="read"/> gives.</summary>
    public static PartChecksum ChecksumOf(long offset, int length, ReadBytes read)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(StepBytes);
        try
        {
            var running = new Crc64();
            for (int done = 0; done < length;)
            {
                Span<byte> step = buffer.AsSpan(0, Math.Min(StepBytes, length - done));
                read(offset + done, step);
                running.Append(step);
                done += step.Length;
            }

            return new PartChecksum(running.Value);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>The checksums of some parts of a file. A part that the file is too short for has none.</summary>
    public static async Task<IReadOnlyDictionary<int, PartChecksum>> ChecksumsAsync(
        SafeFileHandle file, PartLayout layout, IEnumerable<int> parts, CancellationToken cancellationToken)
    {
        var checksums = new ConcurrentDictionary<int, PartChecksum>();
        long length = RandomAccess.GetLength(file);
        var options = new ParallelOptions
        {
            MaxDegreeOfParallelism = Math.Min(ThreadsMax, Environment.ProcessorCount),
            CancellationToken = cancellationToken,
        };
        await Parallel.ForEachAsync(parts, options, (part, _) =>
        {
            long offset = layout.OffsetOf(part);
            int bytes = layout.BytesOf(part);
            if (offset + bytes <= length)
            {
                checksums[part] = ChecksumOf(offset, bytes, (at, destination) => ReadOrThrow(file, at, destination));
            }

            return ValueTask.CompletedTask;
        });
        return checksums;
    }

    private static void ReadOrThrow(SafeFileHandle file, long offset, Span<byte> destination)
    {
        if (ReadFully(file, offset, destination) < destination.Length)
        {
            throw new EndOfStreamException(
                $"The file became shorter while it was read: it ends before byte {offset + destination.Length}.");
        }
    }
}

/// <summary>Fills the whole span with the bytes at an offset, or throws.</summary>
internal delegate void ReadBytes(long offset, Span<byte> destination);
