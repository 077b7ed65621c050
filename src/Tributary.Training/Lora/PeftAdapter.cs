using System.Text.Json;
using System.Text.Json.Nodes;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;

namespace Tributary.Training;

/// <summary>
/// Adapters in a folder as PEFT saves and loads them: adapter_config.json and adapter_model.safetensors.
/// </summary>
/// <remarks>
/// Source: PEFT's save_pretrained and LoraConfig. The digest of the base stands in the safetensors file's metadata, where PEFT does not look.
/// </remarks>
public sealed class PeftAdapter : IDisposable
{
    /// <summary>The name of the file with the configuration.</summary>
    public const string ConfigName = "adapter_config.json";

    /// <summary>The name of the file with the weights.</summary>
    public const string WeightsName = "adapter_model.safetensors";

    private const string DigestKey = "tributary.base";

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private readonly SafetensorsFile _file;

    private PeftAdapter(int rank, double scaling, SafetensorsFile file)
    {
        Rank = rank;
        Scaling = scaling;
        _file = file;
    }

    /// <summary>The rows of A and columns of B.</summary>
    public int Rank { get; }

    /// <summary>What B A is multiplied by.</summary>
    public double Scaling { get; }

    /// <summary>The adapters' weights.</summary>
    public TensorSource Weights => _file;

    /// <summary>The digest of the base that they belong to; null where the file does not say.</summary>
    public string? BaseDigest => _file.Header.Metadata.GetValueOrDefault(DigestKey);

    /// <summary>Writes a folder of adapters; the configuration last.</summary>
    /// <param name="weights">The adapters, by the names that PEFT saves them under.</param>
    /// <param name="lora">What they are.</param>
    /// <param name="baseName">What to call the base.</param>
    /// <param name="baseDigest">The base's digest, where it is known.</param>
    /// <param name="folder">The folder; made if it is not there.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    public static void Write(TensorSource weights, LoraConfig lora, string baseName, string? baseDigest, string folder, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(folder);
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal) { ["format"] = "pt" };
        if (baseDigest is not null)
        {
            metadata[DigestKey] = baseDigest;
        }

        new SafetensorsWriter(weights, metadata).WriteFile(Path.Combine(folder, WeightsName), cancellationToken);
        var config = new JsonObject
        {
            ["base_model_name_or_path"] = baseName,
            ["bias"] = "none",
            ["fan_in_fan_out"] = false,
            ["inference_mode"] = true,
            ["init_lora_weights"] = true,
            ["lora_alpha"] = lora.Alpha == Math.Floor(lora.Alpha) ? JsonValue.Create((long)lora.Alpha) : JsonValue.Create(lora.Alpha),
            ["lora_dropout"] = lora.Dropout,
            ["modules_to_save"] = null,
            ["peft_type"] = "LORA",
            ["r"] = lora.Rank,
            ["target_modules"] = new JsonArray([.. lora.Targets.Select(target => JsonValue.Create(target))]),
            ["task_type"] = "CAUSAL_LM",
            ["use_rslora"] = false,
        };
        DurableFile.WriteText(Path.Combine(folder, ConfigName), config.ToJsonString(Indented) + "\n");
    }

    /// <summary>Writes a folder of adapters that have learnt nothing.</summary>
    public static void WriteInitial(
        LlamaConfig model, LoraConfig lora, ulong seed, string baseName, string? baseDigest, string folder, CancellationToken cancellationToken)
    {
        lora.Validate();
        using var tensors = new LoraTensors(model, lora);
        tensors.Initialize(seed);
        using var view = new ParameterView(tensors.All.Select(tensor => (tensor.Name, tensor)));
        Write(view, lora, baseName, baseDigest, folder, cancellationToken);
    }

    /// <summary>Opens a folder of adapters of any model, as PEFT or <see cref="Write"/> saved it.</summary>
    /// <exception cref="ModelFormatException">The configuration is missing, malformed, or asks for more than plain LoRA.</exception>
    /// <exception cref="TensorFormatException">The weights are malformed.</exception>
    /// <exception cref="FileNotFoundException">There are no weights.</exception>
    public static PeftAdapter Open(string folder)
    {
        string path = Path.Combine(folder, ConfigName);
        using JsonDocument document = CheckpointJson.Read(path, "a folder of adapters in PEFT's layout has one");
        (int rank, double scaling) = Read(path, document.RootElement);
        string weights = Path.Combine(folder, WeightsName);
        return File.Exists(weights)
            ? new PeftAdapter(rank, scaling, SafetensorsFile.Open(weights))
            : throw new FileNotFoundException($"{folder}: there is no {WeightsName} here; adapters saved as adapter_model.bin have to be saved once more with PEFT's safe_serialization");
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private static (int Rank, double Scaling) Read(string path, JsonElement root)
    {
        // What changes the product beyond W + s B A. Only what is not there, or off, is understood.
        (string Key, string Off)[] beyond =
        [
            ("peft_type", "LORA"), ("bias", "none"), ("fan_in_fan_out", "false"), ("use_dora", "false"), ("modules_to_save", "null"),
            ("rank_pattern", "{}"), ("alpha_pattern", "{}"),
        ];
        foreach ((string key, string off) in beyond)
        {
            if (root.TryGetProperty(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null && value.GetRawText().Trim('"') != off)
            {
                throw new ModelFormatException($"{path}: {key}: {value.GetRawText()} is not supported; only {off} is.");
            }
        }

        if (!root.TryGetProperty("r", out JsonElement r) || r.ValueKind != JsonValueKind.Number || !r.TryGetInt32(out int rank) || rank < 1)
        {
            throw new ModelFormatException($"{path}: r: a rank of at least 1 is expected.");
        }

        if (!root.TryGetProperty("lora_alpha", out JsonElement a) || a.ValueKind != JsonValueKind.Number || !a.TryGetDouble(out double alpha) || !(alpha > 0 && double.IsFinite(alpha)))
        {
            throw new ModelFormatException($"{path}: lora_alpha: a number above 0 is expected.");
        }

        bool byRoot = root.TryGetProperty("use_rslora", out JsonElement stabilized) && stabilized.ValueKind == JsonValueKind.True;
        return (rank, alpha / (byRoot ? Math.Sqrt(rank) : rank));
    }
}
