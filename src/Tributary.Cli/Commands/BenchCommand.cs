using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Spectre.Console;
using Tributary.Cli.Terminal;
using Tributary.Codecs.Benchmarks;
using Tributary.Simulation;
using Tributary.Tensors;
using Tributary.Tensors.Checkpoints;

namespace Tributary.Cli.Commands;

/// <summary><c>bench</c>: measurements that anybody can repeat.</summary>
internal static class BenchCommand
{
    private const double MiB = 1 << 20;
    private const double GB = 1e9;

    private static readonly Option<bool> Json = new("--json") { Description = "Print one JSON document on stdout" };
    private static readonly Option<string> Model = new("--model") { Description = $"A checkpoint folder or file, or one of {NewModelCommand.PresetNames}", Required = true };
    private static readonly Option<int> Tiles = new("--tiles") { Description = "The fp32 tiles of 4 MiB to work on, 1 to 511", DefaultValueFactory = _ => 64 };

    public static Command Create()
    {
        var codecs = new Command("codecs", "How fast each precision encodes and decodes, beside memcpy of the same buffers in the same run") { Tiles, Json };
        codecs.SetAction((parsed, _) => Failures.GuardAsync(parsed, () => Task.FromResult(Codecs(parsed))));
        var sizes = new Command("sizes", "The size of a model's message in each precision, as the paper counts it and as it is sent") { Model, Json };
        sizes.SetAction((parsed, _) => Failures.GuardAsync(parsed, () => Task.FromResult(Sizes(parsed))));
        return new Command("bench", "Measure")
        {
            codecs.WithExamples("bench codecs", "bench codecs --json"),
            sizes.WithExamples("bench sizes --model llama-3.2-1b", "bench sizes --model gpt2-large", "bench sizes --model out/quickstart/model --json"),
            BenchConvergenceCommand.Create(),
            BenchPrivacyCommand.Create(),
            BenchTrainingCommand.Create(),
            BenchStreamingCommand.Create(),
            BenchAggregationCommand.Create(),
            BenchStreamingCommand.CreateRole(),
        };
    }

    private static int Codecs(ParseResult parsed)
    {
        int tiles = parsed.GetValue(Tiles);
        if (tiles is < 1 or > 511)
        {
            throw new UsageException($"--tiles is {tiles}, but should be from 1 to 511");
        }

        int cores = Math.Min(Environment.ProcessorCount, tiles);
        using var benchmark = new CodecBenchmark(TimeProvider.System, tiles);
        CodecBenchmarkResult[] results = [.. new[] { 1, cores }.Distinct().Select(benchmark.Run)];
        if (parsed.GetValue(Json))
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(new { fp32Bytes = (long)tiles * Tile.ElementsMax * sizeof(float), runs = results.Select(Document) }, Output.Json));
            return 0;
        }

        foreach (CodecBenchmarkResult result in results)
        {
            Consoles.Out.MarkupLineInterpolated($"[bold]{result.Threads} thread{(result.Threads == 1 ? string.Empty : "s")}[/]: memcpy {Figure(result.CopyBytesPerSecond / GB)} GB/s of fp32 bytes");
            Table table = new Table().Border(TableBorder.Simple);
            table.AddColumns([.. new[] { "precision", "encode GB/s", "of memcpy", "decode GB/s", "of memcpy" }.Select((name, i) => i == 0 ? new TableColumn(name) : new TableColumn(name).RightAligned())]);
            foreach (CodecSpeed codec in result.Codecs)
            {
                table.AddRow(
                    codec.Precision, Figure(codec.EncodeBytesPerSecond / GB), Figure(result.EncodeRatio(codec)), Figure(codec.DecodeBytesPerSecond / GB), Figure(result.DecodeRatio(codec)));
            }

            Consoles.Out.Write(table);
        }

        return 0;
    }

    private static object Document(CodecBenchmarkResult result) => new
    {
        threads = result.Threads,
        memcpyGBps = result.CopyBytesPerSecond / GB,
        codecs = result.Codecs.Select(codec => new
        {
            precision = codec.Precision,
            encodeGBps = codec.EncodeBytesPerSecond / GB,
            encodeRatio = result.EncodeRatio(codec),
            decodeGBps = codec.DecodeBytesPerSecond / GB,
            decodeRatio = result.DecodeRatio(codec),
        }),
    };

    private static int Sizes(ParseResult parsed)
    {
        string name = parsed.GetRequiredValue(Model);
        TensorManifest manifest = ModelPreset.Find(name)?.Manifest ?? ReadManifest(name);
        IReadOnlyList<MessageSize> sizes = SizeTable.Of(manifest);
        double fp32 = manifest.ElementCount * (double)sizeof(float);
        if (parsed.GetValue(Json))
        {
            var document = new
            {
                model = name,
                tensors = manifest.Count,
                parameters = manifest.ElementCount,
                precisions = sizes.Select(size => new
                {
                    precision = size.Precision,
                    payloadMiB = Math.Round(size.Payload / MiB, 2),
                    paperMetaMiB = Math.Round(size.PaperMeta / MiB, 2),
                    paperPercent = Math.Round(100 * (size.Payload + size.PaperMeta) / fp32, 2),
                    sentMetaMiB = Math.Round(size.SentMeta / MiB, 2),
                    sentBytes = size.FileLength,
                    sentPercent = Math.Round(100 * size.FileLength / fp32, 2),
                }),
            };
            Console.Out.WriteLine(JsonSerializer.Serialize(document, Output.Json));
            return 0;
        }

        Consoles.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}: {manifest.Count} tensors, {manifest.ElementCount:N0} parameters. MiB; percent of fp32."));
        Table table = new Table().Border(TableBorder.Simple);
        table.AddColumns([.. new[] { "precision", "payload", "meta (paper)", "% (paper)", "meta (sent)", "file (sent)", "% (sent)" }.Select((column, i) => i == 0 ? new TableColumn(column) : new TableColumn(column).RightAligned().NoWrap())]);
        foreach (MessageSize size in sizes)
        {
            table.AddRow(
                size.Precision, Figure(size.Payload / MiB), Figure(size.PaperMeta / MiB), Figure(100 * (size.Payload + size.PaperMeta) / fp32),
                Figure(size.SentMeta / MiB), Figure(size.FileLength / MiB), Figure(100 * size.FileLength / fp32));
        }

        Consoles.Out.Write(table);
        return 0;
    }

    private static TensorManifest ReadManifest(string path)
    {
        if (!Path.Exists(path))
        {
            throw new UsageException($"{path}: neither a checkpoint nor one of {NewModelCommand.PresetNames}");
        }

        using Checkpoint checkpoint = Checkpoint.Open(path);
        return checkpoint.Manifest;
    }

    private static string Figure(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);
}
