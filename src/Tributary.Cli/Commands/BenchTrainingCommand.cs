using System.CommandLine;
using System.Text.Json;
using Tributary.Cli.Terminal;
using Tributary.Simulation;
using Tributary.Tensors.Checkpoints;
using Tributary.Training;
using Tributary.Training.Benchmarks;

namespace Tributary.Cli.Commands;

/// <summary><c>bench training</c>: the speed of the built-in trainer beside its matrix kernel's and PyTorch's.</summary>
internal static class BenchTrainingCommand
{
    private const int TokensMax = 1 << 20;

    private static readonly Option<string> Model = new("--model")
    {
        Description = "The sizes: a Llama's checkpoint folder, of which only config.json is read, or one of " + NewModelCommand.PresetNames,
        DefaultValueFactory = _ => "stories15m",
    };

    private static readonly Option<int> Sequence = new("--sequence") { Description = "The tokens of a sequence", DefaultValueFactory = _ => 512 };
    private static readonly Option<int> Batch = new("--batch") { Description = "The sequences of a step", DefaultValueFactory = _ => 4 };
    private static readonly Option<int> Threads = new("--threads") { Description = "The threads, of PyTorch as well [default: one for each core]", DefaultValueFactory = _ => Environment.ProcessorCount };
    private static readonly Option<int> Rounds = new("--rounds") { Description = "How often everything is measured, in turn; the best of each counts", DefaultValueFactory = _ => 5 };
    private static readonly Option<string?> Python = new("--python") { Description = "The Python interpreter that has torch, or none for no comparison [default: python3, /usr/bin/python3]" };
    private static readonly Option<bool> Json = new("--json") { Description = "Print one JSON document on stdout" };

    public static Command Create()
    {
        var command = new Command("training", "How fast the built-in trainer computes losses and steps, beside the peak of its matrix kernels and beside PyTorch, in the same run")
        {
            Model, Sequence, Batch, Threads, Rounds, Python, Json,
        };
        command.SetAction((parsed, cancellationToken) => Failures.GuardAsync(parsed, () => RunAsync(parsed, cancellationToken)));
        return command.WithExamples(
            "bench training",
            "bench training --model stories15m --sequence 512 --batch 8 --json",
            "bench training --model out/quickstart/model --sequence 128 --threads 1 --python none");
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        string name = parsed.GetRequiredValue(Model);
        int sequence = InRange(parsed, Sequence, TokensMax), batch = InRange(parsed, Batch, TokensMax / sequence);
        var options = new TrainingBenchmarkOptions(
            Sizes(name),
            sequence,
            batch,
            InRange(parsed, Threads, 256),
            InRange(parsed, Rounds, 1000),
            parsed.GetValue(Python) switch { null => ["python3", "/usr/bin/python3"], "none" => [], { } given => [given] });
        TrainingBenchmarkResult result = await TrainingBenchmark.RunAsync(
            options, TimeProvider.System, round => Console.Error.WriteLine($"round {round} of {options.Rounds}"), cancellationToken);
        if (parsed.GetValue(Json))
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(TrainingTable.Document(name, options, result), Output.Json));
        }
        else
        {
            TrainingTable.Print(name, options, result);
        }

        return 0;
    }

    private static LlamaConfig Sizes(string name)
    {
        if (ModelPreset.Find(name) is { } preset)
        {
            return LlamaConfig.Of(preset);
        }

        return Directory.Exists(name) ? LlamaConfig.Load(name) : throw new UsageException($"{name}: neither a checkpoint folder nor one of {NewModelCommand.PresetNames}");
    }

    private static int InRange(ParseResult parsed, Option<int> option, int max)
    {
        int value = parsed.GetValue(option);
        return value >= 1 && value <= max ? value : throw new UsageException($"{option.Name} is {value}, but should be from 1 to {max}");
    }
}
