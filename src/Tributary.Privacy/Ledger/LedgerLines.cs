using System.Security.Cryptography;
using System.Text;

namespace Tributary.Privacy.Ledger;

/// <summary>
/// A ledger's lines: JSON, each with a hash as its last member, SHA-256 over the hash of the line before and the line without that member. So a line that was
/// changed, removed or put in is found, and one that was torn.
/// </summary>
internal static class LedgerLines
{
    private const string HashMember = ",\"hash\":\"";
    private const int HashDigits = 2 * SHA256.HashSizeInBytes;

    /// <summary>The hash before the first line.</summary>
    public static string Origin { get; } = new('0', HashDigits);

    /// <summary>A line of an object's JSON, and its hash.</summary>
    public static (string Line, string Hash) Seal(string json, string previous)
    {
        string hash = HashOf(json, previous);
        return ($"{json[..^1]}{HashMember}{hash}\"}}\n", hash);
    }

    /// <summary>A line's JSON and its hash; null where the hash is not that of the text and of the line before.</summary>
    public static (string Json, string Hash)? Open(string line, string previous)
    {
        int place = line.Length - HashMember.Length - HashDigits - 2;
        if (place < 1 || line.AsSpan(place, HashMember.Length) is not HashMember || !line.EndsWith("\"}", StringComparison.Ordinal))
        {
            return null;
        }

        string json = line[..place] + "}";
        string hash = line.Substring(place + HashMember.Length, HashDigits);
        return HashOf(json, previous) == hash ? (json, hash) : null;
    }

    private static string HashOf(string json, string previous) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(previous + json)));
}
