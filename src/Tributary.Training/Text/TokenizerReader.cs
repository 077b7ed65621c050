using System.Text.Json;

namespace Tributary.Training;

/// <summary>Reads tokenizer.json, and refuses kinds that this tokenizer would get wrong.</summary>
internal sealed class TokenizerReader
{
    private readonly string _path;
    private readonly JsonElement _root;
    private readonly JsonElement _model;
    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    private readonly Dictionary<int, AddedToken> _added = [];
    private readonly HashSet<int> _normalized = [];

    private TokenizerReader(string path, JsonElement root)
    {
        _path = path;
        _root = root;
        _model = root.Find("model") ?? throw new FormatException("there is no 'model'");
    }

    public static Tokenizer Read(string folder)
    {
        string path = Path.Combine(folder, "tokenizer.json");
        using JsonDocument document = CheckpointJson.Read(
            path, "copy the one that was published with the model, or save its tokenizer with save_pretrained of transformers");
        try
        {
            return new TokenizerReader(path, document.RootElement).Tokenizer(folder);
        }
        catch (FormatException e)
        {
            throw new ModelFormatException($"{path}: {e.Message}.", e);
        }
        catch (Exception e) when (e is InvalidOperationException or KeyNotFoundException)
        {
            throw new ModelFormatException($"{path}: is not a tokenizer.json as the tokenizers library writes it: {e.Message}", e);
        }
    }

    private Tokenizer Tokenizer(string folder)
    {
        bool byteLevel = ByteLevelReader.IsByteLevel(_root);
        RequireKind(byteLevel);
        ReadVocabulary();
        string[] pieces = new string[_ids.Values.Concat(_added.Keys).DefaultIfEmpty(-1).Max() + 1];
        Array.Fill(pieces, "");
        foreach ((string piece, int id) in _ids.Concat(_added.Select(added => KeyValuePair.Create(added.Value.Content, added.Key))))
        {
            pieces[id] = piece;
        }

        int[]? byteIds = _model.Flag("byte_fallback") ? SentencePieceEncoding.FindBytes(_ids) : null;
        string? unknown = _model.Text("unk_token");
        TokenizerEnds ends = TokenizerEnds.Read(folder, _path, _root, byteLevel, Id);
        var tables = new TokenizerTables
        {
            Pieces = pieces,
            Ids = _ids,
            Merges = ReadMerges(),
            Added = _added,
            Special = [.. _added.Values.Where(token => token.Special).Select(token => token.Id), ends.BosId, ends.EosId],
            UnknownId = unknown is null ? null : Id(unknown),
            FuseUnknown = _model.Flag("fuse_unk"),
            Prefix = ends.Prefix,
            BosId = ends.BosId,
            EosId = ends.EosId,
        };
        TextEncoding encoding = byteLevel
            ? new ByteLevelEncoding(tables, ByteLevelReader.Read(_root, _model.Flag("ignore_merges")))
            : new SentencePieceEncoding(tables, SentencePieceReader.Read(_root), byteIds);
        return new Tokenizer(tables, encoding, _normalized);
    }

    private void RequireKind(bool byteLevel)
    {
        const string Advice = "only BPE is supported, in SentencePiece's style, as Llama 2 and TinyLlama have it, or over bytes, as GPT-2 and Llama 3";
        string kind = _model.Text("type") ?? "nothing";
        if (kind != "BPE")
        {
            throw new FormatException($"model.type is {kind}; {Advice}");
        }

        foreach (string key in (ReadOnlySpan<string>)["continuing_subword_prefix", "end_of_word_suffix"])
        {
            if (!string.IsNullOrEmpty(_model.Text(key)))
            {
                throw new FormatException($"model.{key} is '{_model.Text(key)}'; {Advice}");
            }
        }

        if (!byteLevel && _model.Flag("ignore_merges"))
        {
            throw new FormatException("model.ignore_merges is true, which is supported in byte-level BPE alone");
        }

        if (byteLevel && _model.Flag("byte_fallback"))
        {
            throw new FormatException("model.byte_fallback is true in byte-level BPE, which has no use for it; one of both is supported");
        }
    }

    private void ReadVocabulary()
    {
        foreach (JsonProperty entry in _model.GetProperty("vocab").EnumerateObject())
        {
            _ids[entry.Name] = Checked(entry.Name, entry.Value.GetInt32());
        }

        foreach (JsonElement token in _root.Find("added_tokens")?.EnumerateArray() ?? default)
        {
            string content = token.GetProperty("content").GetString() ?? "";
            int id = Checked(content, token.GetProperty("id").GetInt32());
            bool special = token.Flag("special");
            _added[id] = new AddedToken(id, content, special, token.Flag("lstrip"), token.Flag("rstrip"), token.Flag("single_word"));
            if (token.Flag("normalized", missing: !special))
            {
                _normalized.Add(id);
            }
        }
    }

    private static int Checked(string piece, int id)
    {
        const int IdMax = 1 << 24; // far above any vocabulary; a larger id would be a broken file asking for a huge table
        return id is >= 0 and < IdMax ? id : throw new FormatException($"token '{piece}' has id {id}");
    }

    private int? Id(string piece) => _added.Values.FirstOrDefault(token => token.Content == piece)?.Id
        ?? (_ids.TryGetValue(piece, out int id) ? id : null);

    private MergeTable ReadMerges()
    {
        var merges = new List<(int Left, int Right, int Id)>();
        foreach (JsonElement merge in _model.GetProperty("merges").EnumerateArray())
        {
            string[] pair = merge.ValueKind == JsonValueKind.Array
                ? [.. merge.EnumerateArray().Select(part => part.GetString() ?? "")]
                : (merge.GetString() ?? "").Split(' ');
            if (pair.Length != 2 || !_ids.TryGetValue(pair[0], out int left) || !_ids.TryGetValue(pair[1], out int right)
                || !_ids.TryGetValue(pair[0] + pair[1], out int merged))
            {
                throw new FormatException($"merge {merges.Count}, {merge.GetRawText()}, is not two pieces of the vocabulary whose union is a third");
            }

            merges.Add((left, right, merged));
        }

        return new MergeTable(merges);
    }
}
