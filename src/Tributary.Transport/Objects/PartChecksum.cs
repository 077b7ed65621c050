using System.Buffers.Binary;
using System.Globalization;

namespace Tributary.Transport;

/// <summary>
/// The checksum of a part, CRC-64/NVME (see <see cref="Crc64"/>): it finds what an accident did to the part on its way or on a disk. Against
/// malice the connection is protected by TLS. docs/decisions/0003-part-checksums.md says why this one.
/// </summary>
/// <param name="Value">The checksum.</param>
public readonly record struct PartChecksum(ulong Value)
{
    /// <summary>The bytes of a checksum.</summary>
    public const int Size = sizeof(ulong);

    private const int HexDigits = 2 * Size;

    /// <summary>The checksum of some bytes.</summary>
    public static PartChecksum Of(ReadOnlySpan<byte> content)
    {
        var running = new Crc64();
        running.Append(content);
        return new PartChecksum(running.Value);
    }

    /// <summary>Takes the 8 bytes of a checksum, the most significant first.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There are fewer than 8 bytes.</exception>
    public static PartChecksum Read(ReadOnlySpan<byte> bytes) => new(BinaryPrimitives.ReadUInt64BigEndian(bytes));

    /// <summary>Reads 16 hexadecimal digits, of either case.</summary>
    public static bool TryParse(ReadOnlySpan<char> hex, out PartChecksum checksum)
    {
        bool read = ulong.TryParse(hex, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong value) && hex.Length == HexDigits;
        checksum = new PartChecksum(read ? value : 0);
        return read;
    }

    /// <summary>Writes the 8 bytes, the most significant first.</summary>
    public void CopyTo(Span<byte> destination) => BinaryPrimitives.WriteUInt64BigEndian(destination, Value);

    /// <summary>16 hexadecimal digits, lower case.</summary>
    public override string ToString() => Value.ToString("x16", CultureInfo.InvariantCulture);
}
