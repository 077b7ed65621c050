using System.Text;
using System.Text.Json;

namespace Tributary.Simulation.Sites;

/// <summary>The records of a file as far as dealing them to sites needs them: their number, and the class of each where that counts.</summary>
internal sealed class ClassifiedRecords
{
    /// <summary>The fields that are looked for where none is named.</summary>
    private static readonly string[] FieldsUsual = ["category", "label", "topic"];

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private ClassifiedRecords(string path, int count, string? field, string[]? classes)
    {
        (Path, Count, Field, Classes) = (path, count, field, classes);
    }

    public string Path { get; }

    /// <summary>The lines that are not blank.</summary>
    public int Count { get; }

    /// <summary>The field that the classes are of.</summary>
    public string? Field { get; }

    /// <summary>The class of each record; null where nobody asked.</summary>
    public IReadOnlyList<string>? Classes { get; }

    /// <summary>Counts the records.</summary>
    /// <exception cref="UsageException">There are none, or the file is not there or not UTF-8.</exception>
    public static ClassifiedRecords Counted(string path) => Read(path, _ => string.Empty, null, withClasses: false);

    /// <summary>Reads the classes.</summary>
    /// <param name="path">A JSONL file.</param>
    /// <param name="field">The field; null for the first usual one that the first record has.</param>
    /// <exception cref="UsageException">A record has no such field, or is no record; the message says which fields there are.</exception>
    public static ClassifiedRecords Classified(string path, string? field)
    {
        string? named = field;
        return Read(path, record => ClassOf(record, named ??= UsualField(record)), () => named, withClasses: true);
    }

    /// <summary>The lines of some records, in the file's order.</summary>
    /// <param name="places">Their places, from 0, ascending.</param>
    public IEnumerable<string> Lines(IReadOnlyList<int> places)
    {
        int next = 0, record = 0;
        foreach (string line in File.ReadLines(Path, Strict).Where(line => !string.IsNullOrWhiteSpace(line)))
        {
            if (next == places.Count)
            {
                yield break;
            }

            if (record++ == places[next])
            {
                next++;
                yield return line;
            }
        }
    }

    private static ClassifiedRecords Read(string path, Func<JsonElement, string> classOf, Func<string?>? field, bool withClasses)
    {
        int number = 0, count = 0;
        var classes = new List<string>();
        try
        {
            foreach (string line in File.ReadLines(path, Strict))
            {
                number++;
                if (string.IsNullOrWhiteSpace(line))
                {
                    continue;
                }

                count++;
                if (withClasses)
                {
                    using JsonDocument document = JsonDocument.Parse(line);
                    classes.Add(classOf(document.RootElement));
                }
            }
        }
        catch (Exception e) when (e is FormatException or JsonException)
        {
            throw new UsageException($"{path}, line {number}: {(e is JsonException ? $"is not valid JSON ({e.Message}); write one JSON object per line" : e.Message)}", e);
        }
        catch (DecoderFallbackException e)
        {
            throw new UsageException($"{path}: after line {number} there are bytes that are not UTF-8; save the file as UTF-8", e);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new UsageException($"{path}: the sites' records are not there; mend 'data' under 'sites' in the job file, or say with --data where its files lie", e);
        }

        return count > 0
            ? new ClassifiedRecords(path, count, field?.Invoke(), withClasses ? [.. classes] : null)
            : throw new UsageException($"{path}: has no records; write one JSON object per line");
    }

    private static string UsualField(JsonElement record) => record.ValueKind == JsonValueKind.Object && FieldsUsual.FirstOrDefault(field => record.TryGetProperty(field, out _)) is { } usual
        ? usual
        : throw new FormatException($"has none of {string.Join(", ", FieldsUsual)} to tell classes by; {FieldsOf(record)}: name one with 'by' under 'sites' in the job file");

    private static string ClassOf(JsonElement record, string field)
    {
        if (record.ValueKind != JsonValueKind.Object || !record.TryGetProperty(field, out JsonElement value))
        {
            throw new FormatException($"has no '{field}', by whose values the records go to sites; {FieldsOf(record)}");
        }

        return value.ValueKind is JsonValueKind.String or JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False
            ? value.ToString()
            : throw new FormatException($"its '{field}', by whose values the records go to sites, is {value.ValueKind.ToString().ToLowerInvariant()}, but should be a text, a number or a boolean");
    }

    private static string FieldsOf(JsonElement record) => record.ValueKind == JsonValueKind.Object
        ? $"its fields are {string.Join(", ", record.EnumerateObject().Select(field => field.Name))}"
        : "it is no JSON object";
}
