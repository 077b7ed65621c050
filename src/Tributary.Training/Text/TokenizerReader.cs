using System.Globalization;
using System.Text.Json;

namespace Tributary.Training;

/// <summary>Reads tokenizer.json, and refuses kinds that this tokenizer would get wrong.</summary>
internal sealed class TokenizerReader
{
    private readonly string _path;
    private readonly JsonElement _root;
    private readonly JsonElement _model;
    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    private readonly HashSet<int> _special = [];

    private TokenizerReader(string path, JsonElement root)
    {
        _path = path;
        _root = root;
        _model = Find(root, "model") ?? throw Wrong("there is no 'model'");
    }

    public static TokenizerTables Read(string folder)
    {
        string path = Path.Combine(folder, "tokenizer.json");
        using JsonDocument document = CheckpointJson.Read(
            path, "copy the one that was published with the model, or save its tokenizer with save_pretrained of transformers");
        try
        {
            return new TokenizerReader(path, document.RootElement).Tables(folder);
        }
        catch (Exception e) when (e is InvalidOperationException or FormatException or KeyNotFoundException)
        {
            throw new ModelFormatException($"{path}: is not a tokenizer.json as the tokenizers library writes it: {e.Message}", e);
        }
    }

    private TokenizerTables Tables(string folder)
    {
        RequireKind();
        ReadVocabulary();
        (bool prepend, bool onlyMissing) = ReadSpaces();
        string[] pieces = new string[_ids.Count == 0 ? 0 : _ids.Values.Max() + 1];
        Array.Fill(pieces, "");
        foreach ((string piece, int id) in _ids)
        {
            pieces[id] = piece;
        }

        int[]? byteIds = ReadBytes(out short[] bytesOf, pieces.Length);
        string? unknown = Text(_model, "unk_token");
        (int bos, int eos) = ReadEnds(folder);
        _special.Add(bos);
        _special.Add(eos);
        return new TokenizerTables
        {
            Pieces = pieces,
            Ids = _ids,
            Merges = ReadMerges(),
            ByteIds = byteIds,
            BytesOf = bytesOf,
            Special = _special,
            UnknownId = unknown is not null && _ids.TryGetValue(unknown, out int id0) ? id0 : null,
            FuseUnknown = Flag(_model, "fuse_unk"),
            PrependSpace = prepend,
            PrependOnlyMissing = onlyMissing,
            BosId = bos,
            EosId = eos,
        };
    }

    private void RequireKind()
    {
        const string Advice = "only BPE in SentencePiece's style, as Llama 2 and TinyLlama have it, is supported";
        string kind = Text(_model, "type") ?? "nothing";
        if (kind != "BPE")
        {
            throw Wrong($"model.type is {kind}; {Advice}");
        }

        foreach (string part in (ReadOnlySpan<string>)["pre_tokenizer", "decoder"])
        {
            if (Find(_root, part) is { } element && Steps(element, "pretokenizers", "decoders").Any(step => Text(step, "type") == "ByteLevel"))
            {
                throw Wrong($"{part} is ByteLevel, so this is byte-level BPE as GPT-2 and Llama 3 have it; {Advice}");
            }
        }

        foreach (string key in (ReadOnlySpan<string>)["continuing_subword_prefix", "end_of_word_suffix"])
        {
            if (!string.IsNullOrEmpty(Text(_model, key)))
            {
                throw Wrong($"model.{key} is '{Text(_model, key)}'; {Advice}");
            }
        }

        if (Flag(_model, "ignore_merges"))
        {
            throw Wrong($"model.ignore_merges is true; {Advice}");
        }
    }

    private void ReadVocabulary()
    {
        foreach (JsonProperty entry in _model.GetProperty("vocab").EnumerateObject())
        {
            AddId(entry.Name, entry.Value.GetInt32());
        }

        foreach (JsonElement token in Find(_root, "added_tokens")?.EnumerateArray() ?? default)
        {
            int id = token.GetProperty("id").GetInt32();
            AddId(token.GetProperty("content").GetString() ?? "", id);
            if (Flag(token, "special"))
            {
                _special.Add(id);
            }
        }
    }

    private void AddId(string piece, int id)
    {
        const int IdMax = 1 << 24; // far above any vocabulary; a larger id would be a broken file asking for a huge table
        if (id is < 0 or >= IdMax)
        {
            throw Wrong($"token '{piece}' has id {id}");
        }

        _ids[piece] = id;
    }

    /// <summary>How spaces are written: by the normalizer (Prepend, Replace) or by the pre-tokenizer (Metaspace).</summary>
    private (bool Prepend, bool OnlyMissing) ReadSpaces()
    {
        bool prepend = false, replace = false, onlyMissing = false;
        foreach (JsonElement step in Find(_root, "normalizer") is { } normalizer ? Steps(normalizer, "normalizers") : [])
        {
            bool isPrepend = Text(step, "type") == "Prepend" && Text(step, "prepend") == "▁";
            bool isReplace = Text(step, "type") == "Replace" && Text(step, "content") == "▁"
                && Find(step, "pattern") is { } pattern && Text(pattern, "String") == " ";
            if (!isPrepend && !isReplace)
            {
                throw Wrong($"normalizer {step.GetRawText()} is not supported; Prepend '▁' and Replace ' ' by '▁' are");
            }

            prepend |= isPrepend;
            replace |= isReplace;
        }

        foreach (JsonElement step in Find(_root, "pre_tokenizer") is { } preTokenizer ? Steps(preTokenizer, "pretokenizers") : [])
        {
            bool isMetaspace = Text(step, "type") == "Metaspace" && Text(step, "replacement") == "▁"
                && Find(step, "split") is { ValueKind: JsonValueKind.False };
            if (!isMetaspace)
            {
                throw Wrong($"pre_tokenizer {step.GetRawText()} is not supported; Metaspace '▁' without split is");
            }

            replace = true;
            prepend = onlyMissing = Text(step, "prepend_scheme") != "never";
        }

        return replace ? (prepend, onlyMissing) : throw Wrong("nothing replaces spaces by '▁', so this is not SentencePiece's style");
    }

    private Dictionary<(int Left, int Right), (int Rank, int Id)> ReadMerges()
    {
        var merges = new Dictionary<(int Left, int Right), (int Rank, int Id)>();
        int rank = 0;
        foreach (JsonElement merge in _model.GetProperty("merges").EnumerateArray())
        {
            string[] pair = merge.ValueKind == JsonValueKind.Array
                ? [.. merge.EnumerateArray().Select(part => part.GetString() ?? "")]
                : (merge.GetString() ?? "").Split(' ');
            if (pair.Length != 2 || !_ids.TryGetValue(pair[0], out int left) || !_ids.TryGetValue(pair[1], out int right)
                || !_ids.TryGetValue(pair[0] + pair[1], out int merged))
            {
                throw Wrong($"merge {rank}, {merge.GetRawText()}, is not two pieces of the vocabulary whose union is a third");
            }

            merges.TryAdd((left, right), (rank++, merged));
        }

        return merges;
    }

    private int[]? ReadBytes(out short[] bytesOf, int tokens)
    {
        bytesOf = new short[tokens];
        Array.Fill(bytesOf, (short)-1);
        if (!Flag(_model, "byte_fallback"))
        {
            return null;
        }

        var ids = new int[256];
        for (int value = 0; value < ids.Length; value++)
        {
            string piece = string.Create(CultureInfo.InvariantCulture, $"<0x{value:X2}>");
            if (!_ids.TryGetValue(piece, out ids[value]))
            {
                throw Wrong($"model.byte_fallback is true, but the vocabulary has no '{piece}'");
            }

            bytesOf[ids[value]] = (short)value;
        }

        return ids;
    }

    /// <summary>The tokens at the ends of a text.</summary>
    private (int Bos, int Eos) ReadEnds(string folder)
    {
        string bos = "<s>", eos = "</s>", source = _path;
        string path = Path.Combine(folder, "tokenizer_config.json");
        if (File.Exists(path))
        {
            using JsonDocument document = CheckpointJson.Read(path, "it may name bos_token and eos_token");
            bos = TokenName(document.RootElement, "bos_token") ?? bos;
            eos = TokenName(document.RootElement, "eos_token") ?? eos;
            source = path;
        }

        int Id(string piece, string what) => _ids.TryGetValue(piece, out int id)
            ? id
            : throw new ModelFormatException(
                $"{source}: the {what} token '{piece}' is not in the vocabulary; name the right one as {what}_token in tokenizer_config.json.");
        return (Id(bos, "bos"), Id(eos, "eos"));
    }

    private static string? TokenName(JsonElement root, string key) => Find(root, key) switch
    {
        { ValueKind: JsonValueKind.String } name => name.GetString(),
        { ValueKind: JsonValueKind.Object } token => Text(token, "content"),
        _ => null,
    };

    /// <summary>The steps of a sequence, or the element itself as the only one.</summary>
    private static JsonElement[] Steps(JsonElement element, params string[] lists)
    {
        foreach (string list in lists)
        {
            if (Text(element, "type") == "Sequence" && Find(element, list) is { } steps)
            {
                return [.. steps.EnumerateArray()];
            }
        }

        return [element];
    }

    private static string? Text(JsonElement parent, string key) =>
        Find(parent, key) is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

    private static bool Flag(JsonElement parent, string key) => Find(parent, key) is { ValueKind: JsonValueKind.True };

    private static JsonElement? Find(JsonElement parent, string key) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null
            ? value
            : null;

    private ModelFormatException Wrong(string what) => new($"{_path}: {what}.");
}
