using System.CommandLine;
using System.Text.Json;
using Tributary.Cli.Terminal;
using Tributary.Simulation;
using Tributary.Tensors.Checkpoints;
using Tributary.Training;

namespace Tributary.Cli.Commands;

/// <summary><c>model merge</c>: a model and its adapters as one checkpoint.</summary>
internal static class MergeCommand
{
    private static readonly Option<string> Base = new("--base") { Description = "The checkpoint folder that the adapters belong to", Required = true };
    private static readonly Option<string> Adapter = new("--adapter") { Description = "The folder of the adapters, in PEFT's layout: adapter_config.json and adapter_model.safetensors", Required = true };
    private static readonly Option<string> Out = new("--out") { Description = "The checkpoint folder to write; it must not be there yet", Required = true };
    private static readonly Option<bool> Json = new("--json") { Description = "Print one JSON document on stdout" };

    public static Command Create()
    {
        var command = new Command("merge", "Write a model with its LoRA adapters in its weights, tile by tile: it may be larger than memory") { Base, Adapter, Out, Json };
        command.SetAction((parsed, cancellationToken) => Failures.GuardAsync(parsed, () => Task.FromResult(Run(parsed, cancellationToken))));
        return command.WithExamples("model merge --base models/llama --adapter out/lora/model --out models/llama-tuned");
    }

    private static int Run(ParseResult parsed, CancellationToken cancellationToken)
    {
        (string model, string adapter, string target) = (parsed.GetRequiredValue(Base), parsed.GetRequiredValue(Adapter), parsed.GetRequiredValue(Out));
        foreach (string folder in new[] { model, adapter })
        {
            if (!Directory.Exists(folder))
            {
                throw new UsageException($"{folder}: there is no such folder");
            }
        }

        if (Path.Exists(target))
        {
            throw new UsageException($"{target}: is there already; give another name, or remove it");
        }

        using (var progress = new ByteProgress())
        {
            MergedModel.Write(model, adapter, target, progress, cancellationToken);
        }

        using Checkpoint merged = Checkpoint.Open(target);
        using PeftAdapter merging = PeftAdapter.Open(adapter);
        long matrices = merging.Weights.Manifest.Count / 2;
        Console.Out.WriteLine(parsed.GetValue(Json)
            ? JsonSerializer.Serialize(new { path = Path.GetFullPath(target), adapted = matrices, parameters = merged.Manifest.ElementCount, bytes = merged.Manifest.ByteLength }, Output.Json)
            : $"{target}: {merged.Manifest.Count} tensors, {Output.Bytes(merged.Manifest.ByteLength)}; {matrices} of them with an adapter of rank {merging.Rank}");
        return 0;
    }
}
