using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Tributary.Server.Audit;

/// <summary>
/// How an audit log is written and checked: lines of JSON, each with the hash of the one before and, as its last member, its own: SHA-256 over the line without
/// that member. So no entry can be changed, removed or put in without changing all hashes after it. What was cut off at the end only an earlier note of the
/// last hash can tell.
/// </summary>
public static class AuditChain
{
    private const string HashMember = ",\"hash\":\"";
    private const int HashDigits = 2 * SHA256.HashSizeInBytes;

    /// <summary>The hash before the first entry.</summary>
    public static string Origin { get; } = new('0', HashDigits);

    /// <summary>Checks a log.</summary>
    /// <param name="lines">Its lines.</param>
    /// <param name="known">A hash that was noted earlier and has to be in it; null for none.</param>
    /// <returns>How many entries it has, the hash of the last, and what is wrong; null where nothing is.</returns>
    public static (long Entries, string Head, string? Fault) Verify(IEnumerable<string> lines, string? known)
    {
        (long number, string head, bool isKnown) = (0, Origin, known is null || known == Origin);
        foreach (string line in lines)
        {
            if (Read(line) is not var (entry, hash))
            {
                return (number, head, $"line {number + 1} is no entry of an audit log, or was changed: its hash is not that of its text");
            }

            if (entry.Previous != head || entry.Number != number + 1)
            {
                return (number, head, $"line {number + 1} is entry {entry.Number}, which does not follow on entry {number}: something was removed, put in or moved");
            }

            (number, head) = (entry.Number, hash);
            isKnown |= hash == known;
        }

        return (number, head, isKnown ? null : $"the hash {known} is not in it: entries at its end were cut off, or it is another log");
    }

    /// <summary>An entry as a line, and its hash.</summary>
    internal static (string Line, string Hash) Write(AuditEntry entry)
    {
        string text = JsonSerializer.Serialize(entry, AuditJson.Default.AuditEntry);
        string hash = HashOf(text);
        return ($"{text[..^1]}{HashMember}{hash}\"}}", hash);
    }

    /// <summary>A line's entry and hash; null where the hash is not that of the text.</summary>
    internal static (AuditEntry Entry, string Hash)? Read(string line)
    {
        int place = line.Length - HashMember.Length - HashDigits - 2;
        if (place < 1 || line.AsSpan(place, HashMember.Length) is not HashMember || !line.EndsWith("\"}", StringComparison.Ordinal))
        {
            return null;
        }

        string text = line[..place] + "}";
        string hash = line.Substring(place + HashMember.Length, HashDigits);
        try
        {
            return HashOf(text) == hash && JsonSerializer.Deserialize(text, AuditJson.Default.AuditEntry) is { } entry ? (entry, hash) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static string HashOf(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
