using System.Security.Cryptography;
using System.Text;

namespace Tributary.Transport;

/// <summary>
/// The digest of an object: <c>sha256:</c> and 64 hexadecimal digits, the SHA-256 of a text that lists length, part size and
/// part digests. So it can be checked part by part, and parts can be hashed in any order. docs/WIRE-FORMAT.md has the definition.
/// </summary>
public static class ObjectDigest
{
    /// <summary>What every digest of an object begins with.</summary>
    public const string Prefix = "sha256:";

    /// <summary>Computes the digest from the digests of all parts, in order.</summary>
    /// <exception cref="ArgumentException">The number of digests is not the number of parts.</exception>
    public static string Compute(PartLayout layout, ReadOnlySpan<Sha256Digest> parts)
    {
        ArgumentNullException.ThrowIfNull(layout);
        if (parts.Length != layout.Count)
        {
            throw new ArgumentException($"The object has {layout.Count} parts, but {parts.Length} digests are given.", nameof(parts));
        }

        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.ASCII.GetBytes($"tributary-object 1\nlength {layout.Length}\npart-bytes {layout.PartBytes}\n"));
        Span<byte> bytes = stackalloc byte[Sha256Digest.Size];
        Span<byte> line = stackalloc byte[(2 * Sha256Digest.Size) + 1];
        line[^1] = (byte)'\n';
        foreach (Sha256Digest part in parts)
        {
            part.CopyTo(bytes);
            Convert.TryToHexStringLower(bytes, line, out _);
            hash.AppendData(line);
        }

        return Prefix + Sha256Digest.Of(hash);
    }

    /// <summary>Whether a text has the form of an object's digest.</summary>
    public static bool IsWellFormed(string? text) =>
        text is not null && text.StartsWith(Prefix, StringComparison.Ordinal)
        && Sha256Digest.TryParse(text.AsSpan(Prefix.Length), out Sha256Digest digest)
        && string.Equals(text, Prefix + digest, StringComparison.Ordinal);
}
