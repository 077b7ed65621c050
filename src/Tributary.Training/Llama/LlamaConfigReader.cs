using System.Text.Json;

namespace Tributary.Training;

/// <summary>Reads a config.json and refuses what this Llama does not do.</summary>
internal sealed class LlamaConfigReader
{
    private readonly string _path;
    private readonly JsonElement _root;

    private LlamaConfigReader(string path, JsonElement root)
    {
        _path = path;
        _root = root;
    }

    /// <summary>Where newer files have all that is about rotary positions.</summary>
    private JsonElement? RopeParameters => Find(_root, "rope_parameters") is { ValueKind: JsonValueKind.Object } parameters ? parameters : null;

    public static LlamaConfig Read(string folder)
    {
        string path = Path.Combine(folder, "config.json");
        using JsonDocument document = CheckpointJson.Read(path, "a Llama checkpoint folder in Hugging Face's layout has one");
        return Read(path, document.RootElement);
    }

    /// <summary>Reads a document that is there already; the path is for errors.</summary>
    public static LlamaConfig Read(string path, JsonElement root)
    {
        var reader = new LlamaConfigReader(path, root);
        reader.RefuseUnsupported();
        return reader.Config();
    }

    private LlamaConfig Config()
    {
        int hidden = Size("hidden_size"), heads = Size("num_attention_heads");
        int keyHeads = OptionalSize("num_key_value_heads") ?? heads;
        if (heads % keyHeads != 0)
        {
            throw Wrong("num_key_value_heads", $"{keyHeads} does not divide num_attention_heads, {heads}");
        }

        int? headLength = OptionalSize("head_dim");
        if (headLength is null && hidden % heads != 0)
        {
            throw Wrong("hidden_size", $"{hidden} is not a multiple of num_attention_heads, {heads}, and head_dim is not given");
        }

        int length = headLength ?? hidden / heads;
        if (length % 2 != 0)
        {
            throw Wrong("head_dim", $"{length} is odd; rotary positions need an even length");
        }

        int vocabulary = Size("vocab_size");
        return new LlamaConfig
        {
            HiddenSize = hidden,
            IntermediateSize = Size("intermediate_size"),
            LayerCount = Size("num_hidden_layers"),
            HeadCount = heads,
            KeyValueHeadCount = keyHeads,
            HeadLength = length,
            VocabularySize = vocabulary,
            PositionsMax = OptionalSize("max_position_embeddings") ?? 2048,
            NormEpsilon = (float)Positive(_root, "rms_norm_eps", 1e-6),
            RopeTheta = Positive(RopeParameters ?? _root, "rope_theta", 10000),
            RopeScaling = Scaling(),
            TiedEmbeddings = Flag("tie_word_embeddings"),
            BosTokenId = TokenIds("bos_token_id", vocabulary) is [int bos, ..] ? bos : null,
            EosTokenIds = TokenIds("eos_token_id", vocabulary),
        };
    }

    private void RefuseUnsupported()
    {
        RequireText("model_type", "llama", required: true);
        RequireText("hidden_act", "silu", required: false);
        foreach (string flag in (ReadOnlySpan<string>)["attention_bias", "mlp_bias"])
        {
            if (Flag(flag))
            {
                throw Wrong(flag, "true is not supported: linear layers have no bias here");
            }
        }
    }

    private void RequireText(string key, string expected, bool required)
    {
        if (Find(_root, key) is not { } value)
        {
            if (required)
            {
                throw Wrong(key, $"missing; '{expected}' is expected");
            }

            return;
        }

        if (value.ValueKind != JsonValueKind.String || value.GetString() != expected)
        {
            throw Wrong(key, $"{value.GetRawText()} is not supported; only \"{expected}\" is");
        }
    }

    /// <summary>The stretching of the rotary frequencies: under rope_scaling, or among rope_parameters where newer files have it.</summary>
    private RopeScaling? Scaling()
    {
        string key = RopeParameters is null ? "rope_scaling" : "rope_parameters";
        if (Find(_root, key) is not { } scaling)
        {
            return null;
        }

        // Early files say type, not rope_type.
        string type = scaling.ValueKind == JsonValueKind.Object ? (Find(scaling, "rope_type") ?? Find(scaling, "type"))?.GetRawText() ?? "\"default\"" : scaling.GetRawText();
        if (type == "\"default\"")
        {
            return null;
        }

        if (type != "\"llama3\"")
        {
            throw Wrong($"{key}.rope_type", $"{type} is not supported; only \"default\" and \"llama3\" are");
        }

        double Required(string name) => Find(scaling, name) is not null ? Positive(scaling, name, 0) : throw Wrong($"{key}.{name}", "missing; a positive number is expected");
        var read = new RopeScaling(Required("factor"), Required("low_freq_factor"), Required("high_freq_factor"), Required("original_max_position_embeddings"));
        return read.HighFrequencyFactor > read.LowFrequencyFactor
            ? read
            : throw Wrong($"{key}.high_freq_factor", $"{read.HighFrequencyFactor} is not larger than low_freq_factor, {read.LowFrequencyFactor}");
    }

    private int Size(string key) => OptionalSize(key) ?? throw Wrong(key, "missing; a positive integer is expected");

    private int? OptionalSize(string key)
    {
        if (Find(_root, key) is not { } value)
        {
            return null;
        }

        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int size) && size > 0
            ? size
            : throw Wrong(key, $"{value.GetRawText()} is not a positive integer");
    }

    private double Positive(JsonElement parent, string key, double otherwise)
    {
        if (Find(parent, key) is not { } value)
        {
            return otherwise;
        }

        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number > 0 && double.IsFinite(number)
            ? number
            : throw Wrong(key, $"{value.GetRawText()} is not a positive number");
    }

    private bool Flag(string key) => Find(_root, key) switch
    {
        null => false,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        { } other => throw Wrong(key, $"{other.GetRawText()} is neither true nor false"),
    };

    private int[] TokenIds(string key, int vocabulary)
    {
        if (Find(_root, key) is not { } value)
        {
            return [];
        }

        JsonElement[] elements = value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : [value];
        int[] ids = new int[elements.Length];
        for (int i = 0; i < ids.Length; i++)
        {
            if (elements[i].ValueKind != JsonValueKind.Number || !elements[i].TryGetInt32(out ids[i]) || ids[i] < 0 || ids[i] >= vocabulary)
            {
                throw Wrong(key, $"{elements[i].GetRawText()} is not a token id below vocab_size, {vocabulary}");
            }
        }

        return ids;
    }

    /// <summary>The value of a key; nothing where it is missing or null.</summary>
    private static JsonElement? Find(JsonElement parent, string key) =>
        parent.TryGetProperty(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private ModelFormatException Wrong(string key, string what) => new($"{_path}: {key}: {what}.");
}
