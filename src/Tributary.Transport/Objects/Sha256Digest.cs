using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Tributary.Transport;

/// <summary>A SHA-256 digest as a value of 32 bytes, so that a long list of them is one array.</summary>
public readonly record struct Sha256Digest
{
    /// <summary>The bytes of a digest.</summary>
    public const int Size = 32;

    private readonly UInt128 _first;
    private readonly UInt128 _second;

    /// <summary>Takes the 32 bytes of a digest.</summary>
    /// <exception cref="ArgumentException">There are not 32 bytes.</exception>
    public Sha256Digest(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != Size)
        {
            throw new ArgumentException($"A SHA-256 digest has {Size} bytes, not {bytes.Length}.", nameof(bytes));
        }

        _first = BinaryPrimitives.ReadUInt128BigEndian(bytes);
        _second = BinaryPrimitives.ReadUInt128BigEndian(bytes[(Size / 2)..]);
    }

    /// <summary>The digest of some bytes.</summary>
    public static Sha256Digest Of(ReadOnlySpan<byte> content)
    {
        Span<byte> bytes = stackalloc byte[Size];
        SHA256.HashData(content, bytes);
        return new Sha256Digest(bytes);
    }

    /// <summary>Ends a running hash and makes it ready for the next content.</summary>
    public static Sha256Digest Of(IncrementalHash running)
    {
        ArgumentNullException.ThrowIfNull(running);
        Span<byte> bytes = stackalloc byte[Size];
        running.GetHashAndReset(bytes);
        return new Sha256Digest(bytes);
    }

    /// <summary>Reads 64 hexadecimal digits, of either case.</summary>
    public static bool TryParse(ReadOnlySpan<char> hex, out Sha256Digest digest)
    {
        Span<byte> bytes = stackalloc byte[Size];
        if (hex.Length == 2 * Size
            && Convert.FromHexString(hex, bytes, out _, out int written) == System.Buffers.OperationStatus.Done && written == Size)
        {
            digest = new Sha256Digest(bytes);
            return true;
        }

        digest = default;
        return false;
    }

    /// <summary>Writes the 32 bytes.</summary>
    public void CopyTo(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt128BigEndian(destination, _first);
        BinaryPrimitives.WriteUInt128BigEndian(destination[(Size / 2)..], _second);
    }

    /// <summary>64 hexadecimal digits, lower case.</summary>
    public override string ToString() => $"{_first:x32}{_second:x32}";
}
