using System.Buffers.Binary;
using System.Numerics;

namespace Tributary.Server.TensorBoard;

/// <summary>
/// A file of events as TensorBoard reads it: TFRecords, each a length, its checksum, the bytes and theirs (CRC-32C, masked). One that was cut
/// short is gone on with behind its last whole record.
/// </summary>
/// <remarks>Source: tensorflow/core/lib/io/record_writer.h, tensorflow/core/util/events_writer.cc.</remarks>
internal sealed class EventFile : IDisposable
{
    // TensorBoard takes for an event file what has "tfevents" in its name.
    private const string Name = "events.out.tfevents.tributary";
    private const int LengthBytes = 12;
    private const int ChecksumBytes = 4;

    // A scalar takes some dozens; a longer record is none of ours.
    private const int RecordBytesMax = 1 << 16;

    private readonly FileStream _file;
    private readonly HashSet<(string Tag, long Step)> _before = [];

    /// <summary>Opens the file of a run, making it if it is not there.</summary>
    /// <param name="folder">The folder of the run, whose path is its name in TensorBoard.</param>
    /// <param name="time">The time that a new file says it was made.</param>
    public EventFile(string folder, DateTimeOffset time)
    {
        Directory.CreateDirectory(folder);
        _file = new FileStream(Path.Combine(folder, Name), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        try
        {
            long whole = ReadWhole();
            _file.SetLength(whole);
            _file.Position = whole;
            if (whole == 0)
            {
                Append(ScalarEvent.Version(time));
            }
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    /// <summary>Adds a value, unless it was there when the file was opened: a run that goes on may tell of the same thing again.</summary>
    public void Add(ScalarEvent scalar)
    {
        if (!_before.Contains((scalar.Tag, scalar.Step)))
        {
            Append(scalar.Encode());
        }
    }

    public void Dispose() => _file.Dispose();

    private static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        uint sum = uint.MaxValue;
        foreach (byte value in bytes)
        {
            sum = BitOperations.Crc32C(sum, value);
        }

        // Masked, since a checksum over bytes that contain checksums says little.
        return BitOperations.RotateRight(~sum, 15) + 0xa282ead8;
    }

    /// <summary>Notes the records that are there; gives where the last whole one ends.</summary>
    private long ReadWhole()
    {
        Span<byte> head = stackalloc byte[LengthBytes];
        long end = 0;
        while (_file.ReadAtLeast(head, LengthBytes, throwOnEndOfStream: false) == LengthBytes)
        {
            ulong length = BinaryPrimitives.ReadUInt64LittleEndian(head);
            if (Checksum(head[..8]) != BinaryPrimitives.ReadUInt32LittleEndian(head[8..]) || length > RecordBytesMax)
            {
                break;
            }

            byte[] record = new byte[(int)length + ChecksumBytes];
            if (_file.ReadAtLeast(record, record.Length, throwOnEndOfStream: false) < record.Length
                || Checksum(record.AsSpan(0, (int)length)) != BinaryPrimitives.ReadUInt32LittleEndian(record.AsSpan((int)length)))
            {
                break;
            }

            if (ScalarEvent.Decode(record.AsSpan(0, (int)length)) is { } scalar)
            {
                _before.Add((scalar.Tag, scalar.Step));
            }

            end = _file.Position;
        }

        return end;
    }

    private void Append(ReadOnlySpan<byte> data)
    {
        byte[] record = new byte[LengthBytes + data.Length + ChecksumBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(record, (ulong)data.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(8), Checksum(record.AsSpan(0, 8)));
        data.CopyTo(record.AsSpan(LengthBytes));
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(LengthBytes + data.Length), Checksum(data));
        _file.Write(record);
        _file.Flush();
    }
}
