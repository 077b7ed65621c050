using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Tributary.Cli.Terminal;
using Tributary.Simulation;
using Tributary.Tensors;
using Tributary.Tensors.Checkpoints;
using Tributary.Tensors.Initialization;

namespace Tributary.Cli.Commands;

/// <summary><c>model new</c>: a checkpoint of a known model's shape with random weights.</summary>
internal static class NewModelCommand
{
    private static readonly Option<string> Preset = new("--preset") { Description = $"One of {PresetNames}", Required = true };
    private static readonly Option<string> Out = new("--out") { Description = "The folder to write: empty, or not there yet", Required = true };
    private static readonly Option<string?> Dtype = new("--dtype") { Description = "F32 or BF16 [default: BF16 for llama-3.1-8b, F32 for the others]" };
    private static readonly Option<ulong> Seed = new("--seed") { Description = "The seed of the weights", DefaultValueFactory = _ => 1 };
    private static readonly Option<int?> Shards = new("--shards") { Description = "The number of weight files [default: as many as needed at 5 GB each]" };
    private static readonly Option<double> Scale = new("--scale") { Description = "The share of the model's bytes: the same tensors, narrower, fewer tokens", DefaultValueFactory = _ => 1 };
    private static readonly Option<bool> Json = new("--json") { Description = "Print one JSON document on stdout" };

    /// <summary>The presets, for messages.</summary>
    public static string PresetNames => string.Join(", ", ModelPreset.All.Select(preset => preset.Name));

    public static Command Create()
    {
        var command = new Command("new", "Write a checkpoint with the tensors of a well-known model and random weights, to measure with; without a tokenizer")
        {
            Preset, Out, Dtype, Seed, Shards, Scale, Json,
        };
        command.SetAction((parsed, cancellationToken) => Failures.GuardAsync(parsed, () => Task.FromResult(Run(parsed, cancellationToken))));
        return command.WithExamples(
            "model new --preset llama-3.2-1b --out models/llama-1b",
            "model new --preset llama-3.2-1b --scale 0.175 --out models/llama-1000mib",
            "model new --preset gpt2-large --out models/gpt2 --seed 7",
            "model new --preset llama-3.1-8b --out models/llama-8b --shards 4 --json");
    }

    private static int Run(ParseResult parsed, CancellationToken cancellationToken)
    {
        string name = parsed.GetRequiredValue(Preset);
        ModelPreset preset = ModelPreset.Find(name) ?? throw new UsageException($"--preset is '{name}', but should be one of {PresetNames}");
        double scale = parsed.GetValue(Scale);
        ModelArchitecture architecture = Scaled(preset, scale);
        DType dtype = parsed.GetValue(Dtype) switch
        {
            null => preset.DType,
            "F32" => DType.F32,
            "BF16" => DType.BF16,
            string other => throw new UsageException($"--dtype is '{other}', but should be F32 or BF16"),
        };
        string folder = parsed.GetRequiredValue(Out);
        if (!RandomCheckpoint.IsFree(folder))
        {
            throw new UsageException($"{folder}: is there already and not empty; give another name, or remove it");
        }

        using var weights = new RandomWeights(architecture, dtype, parsed.GetValue(Seed));
        TensorManifest manifest = weights.Manifest;
        IReadOnlyList<IReadOnlyList<int>> shards = PlanShards(manifest, parsed.GetValue(Shards));
        Console.Error.WriteLine($"{folder}: {Output.Bytes(RandomCheckpoint.BytesNeeded(manifest))} needed, {Output.Bytes(DiskSpace.Free(folder))} free");
        using (var progress = new ByteProgress(manifest.ByteLength))
        using (var watched = new WatchedSource(weights, progress))
        {
            RandomCheckpoint.Write(watched, architecture.Config(dtype), folder, shards, cancellationToken);
        }

        Print(parsed, preset, architecture, weights.Manifest, dtype);
        return 0;
    }

    private static ModelArchitecture Scaled(ModelPreset preset, double scale)
    {
        double least = preset.Architecture.ShareMin();
        return scale >= least && scale <= 1 ? preset.Architecture.Scaled(scale) : throw new UsageException(string.Create(
            CultureInfo.InvariantCulture,
            $"--scale is {scale}, but should be from {Math.Ceiling(least * 1e6) / 1e6:0.######} to 1: below that, "
            + $"{preset.Architecture.Layers} layers of {preset.Architecture.Heads} heads leave too little for the other tensors of {preset.Name}"));
    }

    private static IReadOnlyList<IReadOnlyList<int>> PlanShards(TensorManifest manifest, int? count) => count switch
    {
        null => ShardPlan.BySize(manifest, CheckpointWriter.ShardBytesMaxDefault),
        { } given when given >= 1 && given <= manifest.Count => ShardPlan.ByCount(manifest, given),
        { } given => throw new UsageException($"--shards is {given}, but should be from 1 to the {manifest.Count} tensors of the model"),
    };

    private static void Print(ParseResult parsed, ModelPreset preset, ModelArchitecture architecture, TensorManifest manifest, DType dtype)
    {
        string folder = parsed.GetRequiredValue(Out);
        string[] files = [.. Directory.EnumerateFiles(folder).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];
        long parameters = architecture.ParameterCount;
        if (parsed.GetValue(Json))
        {
            var document = new
            {
                path = Path.GetFullPath(folder),
                preset = preset.Name,
                scale = parsed.GetValue(Scale),
                dtype = dtype.Name(),
                seed = parsed.GetValue(Seed),
                tensors = manifest.Count,
                parameters,
                maskElements = manifest.ElementCount - parameters,
                bytes = manifest.ByteLength,
                files,
            };
            Console.Out.WriteLine(JsonSerializer.Serialize(document, Output.Json));
            return;
        }

        int weightFiles = files.Count(file => file.EndsWith(".safetensors", StringComparison.Ordinal));
        string masks = manifest.ElementCount == parameters ? string.Empty : $" and {manifest.ElementCount - parameters:N0} elements of causal masks";
        string where = weightFiles == 1 ? "1 file" : $"{weightFiles} files";
        Console.Out.WriteLine($"{folder}: {manifest.Count} tensors, {parameters:N0} parameters{masks}, {Output.Bytes(manifest.ByteLength)} of {dtype.Name()} in {where}");
        Console.Out.WriteLine("random weights, and a config.json that describes them; there is no tokenizer");
    }
}
