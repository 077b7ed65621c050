using Microsoft.Extensions.Primitives;

namespace Tributary.Transport;

/// <summary>The Content-Digest and Repr-Digest fields of RFC 9530, of which only <c>crc64nvme</c> is used: 8 bytes, the most significant
/// first, as in S3. RFC 9530's registry has no CRC of 64 bits; who does not know the key passes over it.</summary>
internal static class DigestField
{
    public const string ContentDigest = "Content-Digest";
    public const string ReprDigest = "Repr-Digest";

    private const string Key = "crc64nvme";

    public static string Format(PartChecksum digest)
    {
        Span<byte> bytes = stackalloc byte[PartChecksum.Size];
        digest.CopyTo(bytes);
        return $"{Key}=:{Convert.ToBase64String(bytes)}:";
    }

    /// <summary>Finds the crc64nvme member of the dictionary (RFC 8941); other members and parameters are passed over.</summary>
    public static bool TryParse(StringValues field, out PartChecksum digest)
    {
        digest = default;
        bool found = false;
        Span<byte> bytes = stackalloc byte[PartChecksum.Size];
        foreach (string? line in field)
        {
            ReadOnlySpan<char> text = line;
            foreach (Range range in text.Split(','))
            {
                ReadOnlySpan<char> member = text[range].Trim(" \t");
                int equals = member.IndexOf('=');
                if (equals < 0 || !member[..equals].SequenceEqual(Key))
                {
                    continue;
                }

                ReadOnlySpan<char> value = member[(equals + 1)..];
                int parameters = value.IndexOf(';');
                value = parameters < 0 ? value : value[..parameters].TrimEnd(' ');

                // Of a member that is there twice, the last one counts (RFC 8941, section 3.2).
                found = value.Length > 2 && value[0] == ':' && value[^1] == ':'
                    && Convert.TryFromBase64Chars(value[1..^1], bytes, out int written) && written == PartChecksum.Size;
                digest = found ? PartChecksum.Read(bytes) : default;
            }
        }

        return found;
    }
}
