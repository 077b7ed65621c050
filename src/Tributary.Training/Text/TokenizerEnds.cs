using System.Text.Json;

namespace Tributary.Training;

/// <summary>
/// The tokens at the ends of a text: as tokenizer_config.json names them, else &lt;s&gt; and &lt;/s&gt;, else as config.json has them.
/// </summary>
/// <param name="BosId">The token a text begins with; the end token where there is none, as in GPT-2, where one token is both.</param>
/// <param name="EosId">The token a text ends with.</param>
/// <param name="Prefix">What is put before a text: bos, or what a byte-level tokenizer's post-processor says, which may be nothing.</param>
internal sealed record TokenizerEnds(int BosId, int EosId, int[] Prefix)
{
    /// <exception cref="ModelFormatException">A token is named that does not exist, or none is.</exception>
    public static TokenizerEnds Read(string folder, string tokenizerPath, JsonElement root, bool byteLevel, Func<string, int?> find)
    {
        using JsonDocument? names = ReadIfThere(folder, "tokenizer_config.json", "it may name bos_token and eos_token");
        using JsonDocument? config = ReadIfThere(folder, "config.json", "it may have bos_token_id and eos_token_id");
        string source = names is null ? tokenizerPath : Path.Combine(folder, "tokenizer_config.json");

        int? Named(string what) => names?.RootElement.TokenName($"{what}_token") is { } name
            ? find(name) ?? throw Missing(source, what, name)
            : null;

        int[] first = FirstTokens(root);
        int? bos = Named("bos") ?? find("<s>") ?? (first.Length > 0 ? first[0] : Numbered(config, "bos_token_id"));
        int eos = Named("eos") ?? find("</s>") ?? Numbered(config, "eos_token_id") ?? throw Missing(source, "eos", "</s>");
        if (bos is null && !byteLevel)
        {
            throw Missing(source, "bos", "<s>");
        }

        bool addsBos = !byteLevel || (names?.RootElement.Flag("add_bos_token") ?? false);
        return new TokenizerEnds(bos ?? eos, eos, addsBos && bos is not null ? [bos.Value] : first);
    }

    /// <summary>The tokens that the post-processor puts before a text.</summary>
    private static int[] FirstTokens(JsonElement root)
    {
        var first = new List<int>();
        foreach (JsonElement step in root.Steps("post_processor").Where(step => step.Text("type") == "TemplateProcessing"))
        {
            foreach (JsonElement piece in step.GetProperty("single").EnumerateArray())
            {
                if (piece.Find("SpecialToken") is not { } special)
                {
                    break;
                }

                JsonElement token = step.GetProperty("special_tokens").GetProperty(special.Text("id") ?? "");
                first.AddRange(token.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()));
            }
        }

        return [.. first];
    }

    private static int? Numbered(JsonDocument? config, string key) => config?.RootElement.Find(key) switch
    {
        { ValueKind: JsonValueKind.Number } id => id.GetInt32(),
        { ValueKind: JsonValueKind.Array } ids when ids.GetArrayLength() > 0 => ids[0].GetInt32(),
        _ => null,
    };

    private static JsonDocument? ReadIfThere(string folder, string name, string purpose)
    {
        string path = Path.Combine(folder, name);
        return File.Exists(path) ? CheckpointJson.Read(path, purpose) : null;
    }

    private static ModelFormatException Missing(string source, string what, string piece) => new(
        $"{source}: the {what} token '{piece}' is not in the vocabulary; name the right one as {what}_token in tokenizer_config.json.");
}
