using System.Text.Json;

namespace Tributary.Training;

/// <summary>How parts of a tokenizer.json are asked for: a missing key and a null are the same.</summary>
internal static class TokenizerJson
{
    /// <summary>The value of a key, or nothing.</summary>
    public static JsonElement? Find(this JsonElement parent, string key) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null
            ? value
            : null;

    /// <summary>The text of a key, or nothing.</summary>
    public static string? Text(this JsonElement parent, string key) =>
        parent.Find(key) is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

    /// <summary>Whether a key is true; what counts where it is missing is given.</summary>
    public static bool Flag(this JsonElement parent, string key, bool missing = false) =>
        parent.Find(key) is { } value ? value.ValueKind == JsonValueKind.True : missing;

    /// <summary>The steps of a part of the root: those of a sequence, sequences in it opened, or the part itself as the only one.</summary>
    public static JsonElement[] Steps(this JsonElement root, string part) => root.Find(part) is { } element ? [.. Open(element)] : [];

    /// <summary>The content of a token that stands as text or as an object.</summary>
    public static string? TokenName(this JsonElement root, string key) => root.Find(key) switch
    {
        { ValueKind: JsonValueKind.String } name => name.GetString(),
        { ValueKind: JsonValueKind.Object } token => token.Text("content"),
        _ => null,
    };

    private static IEnumerable<JsonElement> Open(JsonElement element)
    {
        JsonElement? list = element.Find("normalizers") ?? element.Find("pretokenizers") ?? element.Find("decoders") ?? element.Find("processors");
        return element.Text("type") == "Sequence" && list is { } steps ? steps.EnumerateArray().SelectMany(Open) : [element];
    }
}
