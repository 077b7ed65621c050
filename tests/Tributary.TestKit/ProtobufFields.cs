using System.Buffers.Binary;
using System.Text;

namespace Tributary.TestKit;

/// <summary>The fields of a protobuf message by number, read without its schema: enough to look at what a program sends or writes.</summary>
public sealed class ProtobufFields
{
    private readonly List<(int Number, ulong Value, byte[]? Bytes)> _fields = [];

    public ProtobufFields(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            ulong key = ReadNumber(ref bytes);
            (int number, int kind) = ((int)(key >> 3), (int)(key & 7));
            switch (kind)
            {
                case 0:
                    _fields.Add((number, ReadNumber(ref bytes), null));
                    break;
                case 1:
                    _fields.Add((number, BinaryPrimitives.ReadUInt64LittleEndian(bytes), null));
                    bytes = bytes[8..];
                    break;
                case 2:
                    int length = (int)ReadNumber(ref bytes);
                    _fields.Add((number, 0, bytes[..length].ToArray()));
                    bytes = bytes[length..];
                    break;
                case 5:
                    _fields.Add((number, BinaryPrimitives.ReadUInt32LittleEndian(bytes), null));
                    bytes = bytes[4..];
                    break;
                default:
                    throw new FormatException($"field {number} is of kind {kind}");
            }
        }
    }

    public IEnumerable<ProtobufFields> Messages(int number) => Runs(number).Select(run => new ProtobufFields(run));

    public ProtobufFields? Message(int number) => Messages(number).FirstOrDefault();

    public string Text(int number) => Encoding.UTF8.GetString(Bytes(number));

    public byte[] Bytes(int number) => Runs(number).FirstOrDefault() ?? [];

    /// <summary>A whole number, or the bits of a number of 8 or 4 bytes; 0 where it is not there.</summary>
    public ulong Number(int number) => _fields.Where(field => field.Number == number).Select(field => field.Value).FirstOrDefault();

    public bool Has(int number) => _fields.Any(field => field.Number == number);

    private IEnumerable<byte[]> Runs(int number) => _fields.Where(field => field.Number == number && field.Bytes is not null).Select(field => field.Bytes!);

    private static ulong ReadNumber(ref ReadOnlySpan<byte> bytes)
    {
        ulong number = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte next = bytes[0];
            bytes = bytes[1..];
            number |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
            {
                return number;
            }
        }
    }
}
