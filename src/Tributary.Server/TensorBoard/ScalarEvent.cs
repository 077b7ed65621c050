using System.Buffers.Binary;
using System.Text;

namespace Tributary.Server.TensorBoard;

/// <summary>A value of a curve, as protobuf: the few fields of tensorflow.Event and tensorflow.Summary that a scalar needs.</summary>
/// <remarks>Source: tensorboard/compat/proto/event.proto and summary.proto.</remarks>
/// <param name="Tag">The curve; what is before a slash is the group of charts.</param>
/// <param name="Step">Where on the x axis.</param>
/// <param name="Value">The value.</param>
/// <param name="Time">When it was known.</param>
internal sealed record ScalarEvent(string Tag, long Step, float Value, DateTimeOffset Time)
{
    // A key is the field's number and the kind of its value: a number of variable length, 8 bytes, a run of bytes, 4 bytes.
    private const byte WallTime = (1 << 3) | 1;
    private const byte StepNumber = 2 << 3;
    private const byte FileVersion = (3 << 3) | 2;
    private const byte Summary = (5 << 3) | 2;
    private const byte SummaryValue = (1 << 3) | 2;
    private const byte ValueTag = (1 << 3) | 2;
    private const byte SimpleValue = (2 << 3) | 5;

    /// <summary>The event that every file begins with.</summary>
    public static byte[] Version(DateTimeOffset time)
    {
        using var bytes = new MemoryStream();
        Write(bytes, WallTime, time);
        Write(bytes, FileVersion, "brain.Event:2"u8);
        return bytes.ToArray();
    }

    public byte[] Encode()
    {
        using var value = new MemoryStream();
        Write(value, ValueTag, Encoding.UTF8.GetBytes(Tag));
        Span<byte> number = stackalloc byte[sizeof(float)];
        BinaryPrimitives.WriteSingleLittleEndian(number, Value);
        value.WriteByte(SimpleValue);
        value.Write(number);

        using var summary = new MemoryStream();
        Write(summary, SummaryValue, value.ToArray());

        using var bytes = new MemoryStream();
        Write(bytes, WallTime, Time);
        bytes.WriteByte(StepNumber);
        WriteNumber(bytes, (ulong)Step);
        Write(bytes, Summary, summary.ToArray());
        return bytes.ToArray();
    }

    /// <summary>Reads what <see cref="Encode"/> has written; null where it is another event.</summary>
    public static ScalarEvent? Decode(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < 10 || bytes[0] != WallTime || bytes[9] != StepNumber)
        {
            return null;
        }

        var time = DateTimeOffset.UnixEpoch.AddSeconds(BinaryPrimitives.ReadDoubleLittleEndian(bytes[1..]));
        bytes = bytes[10..];
        long step = (long)ReadNumber(ref bytes);
        ReadOnlySpan<byte> value = Inside(Inside(bytes, Summary), SummaryValue);
        ReadOnlySpan<byte> tag = Inside(value, ValueTag);
        ReadOnlySpan<byte> number = value[^Math.Min(value.Length, 1 + sizeof(float))..];
        return tag.Length > 0 && number is [SimpleValue, ..] ? new ScalarEvent(Encoding.UTF8.GetString(tag), step, BinaryPrimitives.ReadSingleLittleEndian(number[1..]), time) : null;
    }

    private static ReadOnlySpan<byte> Inside(ReadOnlySpan<byte> bytes, byte key)
    {
        if (bytes.Length < 2 || bytes[0] != key)
        {
            return [];
        }

        bytes = bytes[1..];
        ulong length = ReadNumber(ref bytes);
        return length <= (ulong)bytes.Length ? bytes[..(int)length] : [];
    }

    private static void Write(MemoryStream bytes, byte key, DateTimeOffset time)
    {
        Span<byte> seconds = stackalloc byte[sizeof(double)];
        BinaryPrimitives.WriteDoubleLittleEndian(seconds, time.ToUnixTimeMilliseconds() / 1000.0);
        bytes.WriteByte(key);
        bytes.Write(seconds);
    }

    private static void Write(MemoryStream bytes, byte key, ReadOnlySpan<byte> run)
    {
        bytes.WriteByte(key);
        WriteNumber(bytes, (ulong)run.Length);
        bytes.Write(run);
    }

    /// <summary>Seven bits a byte, the lowest first, and a mark where more follow.</summary>
    private static void WriteNumber(MemoryStream bytes, ulong number)
    {
        for (; number >= 0x80; number >>= 7)
        {
            bytes.WriteByte((byte)(number | 0x80));
        }

        bytes.WriteByte((byte)number);
    }

    private static ulong ReadNumber(ref ReadOnlySpan<byte> bytes)
    {
        ulong number = 0;
        for (int shift = 0; shift < 64 && bytes.Length > 0; shift += 7)
        {
            byte next = bytes[0];
            bytes = bytes[1..];
            number |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
            {
                break;
            }
        }

        return number;
    }
}
