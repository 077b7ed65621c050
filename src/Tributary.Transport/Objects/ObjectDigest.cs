using System.Buffers;
using System.Security.Cryptography;
using System.Text;

namespace Tributary.Transport;

/// <summary>
/// The digest of an object: <c>sha256:</c> and 64 hexadecimal digits, the SHA-256 of a text that lists length, part size and
/// the checksums of the parts. So it can be checked part by part, and parts can be read in any order. docs/WIRE-FORMAT.md has the definition.
/// </summary>
public static class ObjectDigest
{
    /// <summary>What every digest of an object begins with.</summary>
    public const string Prefix = "sha256:";

    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdef");

    /// <summary>Computes the digest from the checksums of all parts, in order.</summary>
    /// <exception cref="ArgumentException">The number of checksums is not the number of parts.</exception>
    public static string Compute(PartLayout layout, ReadOnlySpan<PartChecksum> parts)
    {
        ArgumentNullException.ThrowIfNull(layout);
        if (parts.Length != layout.Count)
        {
            throw new ArgumentException($"The object has {layout.Count} parts, but {parts.Length} checksums are given.", nameof(parts));
        }

        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.ASCII.GetBytes($"tributary-object 2\nlength {layout.Length}\npart-bytes {layout.PartBytes}\n"));
        Span<byte> bytes = stackalloc byte[PartChecksum.Size];
        Span<byte> line = stackalloc byte[(2 * PartChecksum.Size) + 1];
        line[^1] = (byte)'\n';
        foreach (PartChecksum part in parts)
        {
            part.CopyTo(bytes);
            Convert.TryToHexStringLower(bytes, line, out _);
            hash.AppendData(line);
        }

        return Prefix + Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Whether a text has the form of an object's digest.</summary>
    public static bool IsWellFormed(string? text) =>
        text is not null && text.Length == Prefix.Length + (2 * SHA256.HashSizeInBytes) && text.StartsWith(Prefix, StringComparison.Ordinal)
        && !text.AsSpan(Prefix.Length).ContainsAnyExcept(HexDigits);
}
