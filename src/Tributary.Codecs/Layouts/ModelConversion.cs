using System.Text.Json.Nodes;
using Tributary.Codecs.Messages;
using Tributary.Tensors;
using Tributary.Tensors.Checkpoints;
using Tributary.Tensors.Safetensors;

namespace Tributary.Codecs.Layouts;

/// <summary>How a quantized model is laid out in its files.</summary>
public enum QuantizedLayout
{
    /// <summary>As messages are, see docs/WIRE-FORMAT.md.</summary>
    Tributary,

    /// <summary>As bitsandbytes and Hugging Face have it.</summary>
    BitsAndBytes,
}

/// <summary>Quantizes and dequantizes model files and checkpoint folders of any size, tile by tile.</summary>
public static class ModelConversion
{
    private const string FileSuffix = ".safetensors";

    /// <summary>Opens a model of either layout, or one that is not quantized, with its tensors as they are encoded.</summary>
    /// <exception cref="TensorFormatException">A file is malformed; the message names it.</exception>
    public static TensorSource Open(string path)
    {
        Checkpoint checkpoint = MessageFile.OpenCheckpoint(path);
        try
        {
            return BitsAndBytesSource.Fits(checkpoint.Manifest) ? new BitsAndBytesSource(checkpoint) : checkpoint;
        }
        catch (TensorFormatException e)
        {
            checkpoint.Dispose();
            throw new TensorFormatException($"{path}: {e.Message}", e);
        }
    }

    /// <summary>Writes a model in a precision.</summary>
    /// <param name="input">A file or checkpoint folder; what is quantized in it already is decoded first.</param>
    /// <param name="output">A path that ends with .safetensors for a file, any other for a folder; it must not be there yet.</param>
    /// <param name="codec">The precision.</param>
    /// <param name="layout">How the files are laid out.</param>
    /// <param name="linearOnly">Whether norms, embeddings and the head stay as they are.</param>
    /// <param name="progress">Told the bytes written so far.</param>
    /// <param name="cancellationToken">Ends the work; nothing stands under the output's name then.</param>
    /// <exception cref="ArgumentException">The layout does not hold the precision.</exception>
    /// <exception cref="IOException">The output is there already, or cannot be written.</exception>
    public static void Quantize(
        string input, string output, Codec codec, QuantizedLayout layout, bool linearOnly, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        using TensorSource opened = Open(input);
        using var dense = new DequantizedSource(opened);
        using var encoded = new QuantizedSource(dense, codec, linearOnly ? LinearWeights.Is : null);
        if (layout == QuantizedLayout.Tributary)
        {
            Write(encoded, MessageFile.Plan, input, output, progress, static _ => { }, cancellationToken);
            return;
        }

        using var laidOut = new BitsAndBytesLayout(encoded);
        Write(laidOut, CheckpointWriter.Plan, input, output, progress, config => NoteQuantization(config, codec), cancellationToken);
    }

    /// <summary>Writes a quantized model of either layout as a plain one.</summary>
    /// <param name="input">A file or checkpoint folder.</param>
    /// <param name="output">A path that ends with .safetensors for a file, any other for a folder; it must not be there yet.</param>
    /// <param name="dtype">The type of its floats: F32, F16 or BF16; null for each tensor's original one.</param>
    /// <param name="progress">Told the bytes written so far.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <exception cref="IOException">The output is there already, or cannot be written.</exception>
    public static void Dequantize(string input, string output, DType? dtype, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        using TensorSource opened = Open(input);
        using var dense = new DequantizedSource(opened);
        TensorSource cast = dtype is { } wanted ? new CastSource(dense, wanted) : dense;
        Write(cast, CheckpointWriter.Plan, input, output, progress, config => NoteType(config, dtype), cancellationToken);
    }

    private static void Write(
        TensorSource source, Func<TensorSource, SafetensorsWriter> plan, string input, string output, IProgress<long>? progress,
        Action<JsonObject> note, CancellationToken cancellationToken)
    {
        if (Path.Exists(output))
        {
            throw new IOException($"{output}: is there already; give another name, or remove it");
        }

        TensorSource watched = progress is null ? source : new WatchedSource(source, progress);
        if (output.EndsWith(FileSuffix, StringComparison.Ordinal))
        {
            plan(watched).WriteFile(output, cancellationToken);
            return;
        }

        string partial = output.TrimEnd(Path.DirectorySeparatorChar) + ".partial";
        if (Path.Exists(partial))
        {
            throw new IOException($"{partial}: is there already, perhaps from a conversion that was cut short; remove it");
        }

        Directory.CreateDirectory(partial);
        try
        {
            if (Directory.Exists(input))
            {
                CheckpointCompanions.Copy(input, partial);
                ChangeConfig(partial, note);
            }

            CheckpointWriter.Write(watched, partial, plan, CheckpointWriter.ShardBytesMaxDefault, cancellationToken);
            Directory.Move(partial, output);
        }
        catch
        {
            Directory.Delete(partial, recursive: true);
            throw;
        }
    }

    /// <summary>Says what Transformers needs to load 4-bit weights.</summary>
    private static void NoteQuantization(JsonObject config, Codec codec)
    {
        if (codec.Name == Precision.Int8.Name)
        {
            return;
        }

        config["quantization_config"] = new JsonObject
        {
            ["quant_method"] = "bitsandbytes",
            ["load_in_4bit"] = true,
            ["load_in_8bit"] = false,
            ["bnb_4bit_quant_type"] = codec.Name,
            ["bnb_4bit_use_double_quant"] = false,
            ["bnb_4bit_compute_dtype"] = "float32",
            ["bnb_4bit_quant_storage"] = "uint8",
        };
    }

    private static void NoteType(JsonObject config, DType? dtype)
    {
        if (dtype is { } written)
        {
            config["torch_dtype"] = written.TorchName();
        }
    }

    /// <summary>Changes config.json, where there is one; what it says of an earlier quantization no longer holds.</summary>
    private static void ChangeConfig(string folder, Action<JsonObject> change)
    {
        string path = Path.Combine(folder, "config.json");
        if (File.Exists(path) && JsonNode.Parse(File.ReadAllText(path)) is JsonObject config)
        {
            config.Remove("quantization_config");
            change(config);
            DurableFile.WriteText(path, config.ToJsonString(new System.Text.Json.JsonSerializerOptions { WriteIndented = true }));
        }
    }
}
