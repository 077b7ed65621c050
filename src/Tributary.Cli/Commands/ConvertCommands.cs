using System.CommandLine;
using System.Text.Json;
using Tributary.Cli.Terminal;
using Tributary.Codecs;
using Tributary.Codecs.Layouts;
using Tributary.Simulation;
using Tributary.Tensors;

namespace Tributary.Cli.Commands;

/// <summary><c>model quantize</c> and <c>model dequantize</c>.</summary>
internal static class ConvertCommands
{
    private static readonly Argument<string> In = new("in") { Description = "A .safetensors file or a checkpoint folder" };
    private static readonly Argument<string> OutPath = new("out") { Description = "A name that ends with .safetensors for a file, any other for a folder; not there yet" };
    private static readonly Option<string> PrecisionName = new("--precision") { Description = string.Join(", ", Precision.All.Select(codec => codec.Name)), Required = true };
    private static readonly Option<string> Layout = new("--layout") { Description = "tributary, as messages are; or bitsandbytes, as Hugging Face checkpoints are (int8, fp4, nf4)", DefaultValueFactory = _ => "tributary" };
    private static readonly Option<bool> LinearOnly = new("--linear-only") { Description = "Keep norms, embeddings and the head as they are, which is what Transformers loads" };
    private static readonly Option<string?> Dtype = new("--dtype") { Description = "F32, F16 or BF16 [default: each tensor's original type]" };
    private static readonly Option<bool> Json = new("--json") { Description = "Print one JSON document on stdout" };

    public static Command Quantize()
    {
        var command = new Command("quantize", "Write a model in a precision, tile by tile: it may be larger than memory") { In, OutPath, PrecisionName, Layout, LinearOnly, Json };
        command.SetAction((parsed, cancellationToken) => Failures.GuardAsync(parsed, () =>
        {
            Codec codec = Precision.TryParse(parsed.GetRequiredValue(PrecisionName), out Codec? found) ? found : throw new UsageException($"--precision is '{parsed.GetValue(PrecisionName)}', but should be one of {PrecisionName.Description}");
            if (codec.IsForChanges)
            {
                throw new UsageException($"--precision is {codec.Name}, which is for changes whose sender keeps what is lost; a model would be ruined by it. Take one of {string.Join(", ", Precision.All.Where(other => !other.IsForChanges).Select(other => other.Name))}");
            }

            QuantizedLayout layout = parsed.GetRequiredValue(Layout) switch
            {
                "tributary" => QuantizedLayout.Tributary,
                "bitsandbytes" => QuantizedLayout.BitsAndBytes,
                string other => throw new UsageException($"--layout is '{other}', but should be tributary or bitsandbytes"),
            };
            if (layout == QuantizedLayout.BitsAndBytes && !BitsAndBytesLayout.Holds(codec))
            {
                throw new UsageException($"bitsandbytes' layout holds int8, fp4 and nf4, not {codec.Name}; leave --layout away, or take one of these");
            }

            return Run(parsed, (input, output, progress) => ModelConversion.Quantize(input, output, codec, layout, parsed.GetValue(LinearOnly), progress, cancellationToken));
        }));
        return command.WithExamples(
            "model quantize out/quickstart/model small.safetensors --precision nf4",
            "model quantize models/llama llama-nf4 --precision nf4 --layout bitsandbytes --linear-only");
    }

    public static Command Dequantize()
    {
        var command = new Command("dequantize", "Write a quantized model, of either layout, as a plain one") { In, OutPath, Dtype, Json };
        command.SetAction((parsed, cancellationToken) => Failures.GuardAsync(parsed, () =>
        {
            DType? dtype = parsed.GetValue(Dtype) is not { } name ? null
                : DTypes.TryParse(name, out DType known) && known.IsTrainable() ? known
                : throw new UsageException($"--dtype is '{name}', but should be F32, F16 or BF16");
            return Run(parsed, (input, output, progress) => ModelConversion.Dequantize(input, output, dtype, progress, cancellationToken));
        }));
        return command.WithExamples("model dequantize small.safetensors plain.safetensors", "model dequantize llama-nf4 llama-bf16 --dtype BF16");
    }

    private static Task<int> Run(ParseResult parsed, Action<string, string, IProgress<long>> convert)
    {
        string input = parsed.GetRequiredValue(In);
        string output = parsed.GetRequiredValue(OutPath);
        if (!Path.Exists(input))
        {
            throw new UsageException($"{input}: there is no such file or folder");
        }

        if (Path.Exists(output))
        {
            throw new UsageException($"{output}: is there already; give another name, or remove it");
        }

        using (var progress = new ByteProgress())
        {
            convert(input, output, progress);
        }

        (long before, long after) = (WeightBytes(input), WeightBytes(output));
        Console.Out.WriteLine(parsed.GetValue(Json)
            ? JsonSerializer.Serialize(new { input = Path.GetFullPath(input), output = Path.GetFullPath(output), inputBytes = before, outputBytes = after }, Output.Json)
            : $"{output}: {Output.Bytes(after)} from {Output.Bytes(before)} ({Output.Percent(after, before)})");
        return Task.FromResult(0);
    }

    private static long WeightBytes(string path) => File.Exists(path)
        ? new FileInfo(path).Length
        : Directory.GetFiles(path, "*.safetensors").Sum(file => new FileInfo(file).Length);
}
