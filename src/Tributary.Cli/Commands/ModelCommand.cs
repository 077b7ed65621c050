using System.CommandLine;
using System.Text.Json;
using Spectre.Console;
using Tributary.Cli.Terminal;
using Tributary.Codecs.Layouts;
using Tributary.Simulation;
using Tributary.Tensors;

namespace Tributary.Cli.Commands;

/// <summary><c>model</c>: verbs on model files.</summary>
internal static class ModelCommand
{
    private static readonly Argument<string> ModelPath = new("path") { Description = "A .safetensors file, a message, or a checkpoint folder" };
    private static readonly Option<bool> Json = new("--json") { Description = "Print one JSON document on stdout" };

    public static Command Create()
    {
        var inspect = new Command(
            "inspect",
            "List the tensors of a model: names, types, shapes, encoding and bytes. Reads headers only")
        {
            ModelPath, Json,
        };
        inspect.SetAction((parsed, _) => Failures.GuardAsync(parsed, () => Task.FromResult(Inspect(parsed))));
        return new Command("model", "Look at, convert and make model files")
        {
            inspect.WithExamples("model inspect out/quickstart/model", "model inspect message.safetensors --json"),
            NewModelCommand.Create(),
            ConvertCommands.Quantize(),
            ConvertCommands.Dequantize(),
            CompareCommand.Create(),
            MergeCommand.Create(),
        };
    }

    private static int Inspect(ParseResult parsed)
    {
        string path = parsed.GetRequiredValue(ModelPath);
        using TensorSource source = Open(path);
        TensorManifest manifest = source.Manifest;
        if (parsed.GetValue(Json))
        {
            var document = new
            {
                path = Path.GetFullPath(path),
                tensors = manifest.Count,
                parameters = manifest.ElementCount,
                bytes = manifest.ByteLength,
                entries = manifest.Select(entry => new
                {
                    name = entry.Spec.Name,
                    dtype = entry.Spec.DType.Name(),
                    shape = entry.Spec.Shape,
                    encoding = entry.Encoding.Name,
                    bytes = entry.ByteLength,
                }),
            };
            Console.Out.WriteLine(JsonSerializer.Serialize(document, Output.Json));
            return 0;
        }

        Table table = new Table().Border(TableBorder.Simple).AddColumns("tensor", "dtype", "shape", "encoding").AddColumn(new TableColumn("bytes").RightAligned());
        foreach (TensorEntry entry in manifest)
        {
            table.AddRow(Markup.Escape(entry.Spec.Name), entry.Spec.DType.Name(), Markup.Escape(entry.Spec.Shape.ToString()), entry.Encoding.Name, Output.Bytes(entry.ByteLength));
        }

        Consoles.Out.Write(table);
        Consoles.Out.WriteLine($"{manifest.Count} tensors, {manifest.ElementCount:N0} parameters, {Output.Bytes(manifest.ByteLength)}");
        return 0;
    }

    /// <summary>Opens a model of any layout.</summary>
    internal static TensorSource Open(string path) =>
        Path.Exists(path) ? ModelConversion.Open(path) : throw new UsageException($"{path}: there is no such file or folder");
}
