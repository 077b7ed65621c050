using System.Text;
using System.Text.Json;

namespace Tributary.Privacy.Ledger;

/// <summary>What stands in a ledger's file.</summary>
/// <param name="Header">Whose it is.</param>
/// <param name="Entries">The rounds, in the order in which they were spent.</param>
/// <param name="TornLine">What there is to say of a last line that was cut off when the machine stopped; null where there is none.</param>
public sealed record LedgerContent(LedgerHeader Header, IReadOnlyList<LedgerEntry> Entries, string? TornLine)
{
    /// <summary>The hash of the last whole line.</summary>
    internal string Head { get; init; } = LedgerLines.Origin;

    /// <summary>The bytes of all whole lines.</summary>
    internal long Length { get; init; }

    /// <summary>Reads a ledger that somebody may be writing, such as for a report.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="PrivacyLedgerException">A line was changed, removed or put in, or it is no ledger.</exception>
    /// <exception cref="IOException">It is not there, or cannot be read.</exception>
    public static LedgerContent Read(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        return Read(file, path);
    }

    /// <summary>
    /// A line without its end was being written when the machine stopped: its round's noise was not handed out, so nothing was spent. Any other line that is not what
    /// was written is no accident of that kind.
    /// </summary>
    internal static LedgerContent Read(Stream file, string path)
    {
        byte[] bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        int whole = Array.LastIndexOf(bytes, (byte)'\n') + 1;
        string[] lines = Encoding.UTF8.GetString(bytes, 0, whole).Split('\n')[..^1];
        LedgerHeader? header = null;
        var entries = new List<LedgerEntry>();
        string head = LedgerLines.Origin;
        for (int i = 0; i < lines.Length; i++)
        {
            if (LedgerLines.Open(lines[i], head) is not var (json, hash))
            {
                throw new PrivacyLedgerException(
                    $"{path}: line {i + 1} is not what was written, or a line before it is missing; without it nobody knows what was spent. Restore the file from where it was kept, "
                    + "or count the job's budget as spent and move the file away");
            }

            head = hash;
            try
            {
                if (header is null)
                {
                    header = JsonSerializer.Deserialize(json, LedgerJson.Default.LedgerHeader);
                }
                else
                {
                    entries.Add(JsonSerializer.Deserialize(json, LedgerJson.Default.LedgerEntry)!);
                }
            }
            catch (Exception e) when (e is JsonException or NotSupportedException or ArgumentException)
            {
                throw new PrivacyLedgerException($"{path}: line {i + 1} says what this version does not understand: {e.Message}", e);
            }
        }

        string? torn = bytes.Length == whole
            ? null
            : $"{path}: line {lines.Length + 1} was cut off after {bytes.Length - whole} bytes when the machine stopped; its round had no noise yet and spent nothing";
        return header is null
            ? throw new PrivacyLedgerException($"{path}: has no whole line; it is no ledger")
            : new LedgerContent(header, entries, torn) { Head = head, Length = whole };
    }
}
