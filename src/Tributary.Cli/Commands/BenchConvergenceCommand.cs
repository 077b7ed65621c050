using System.CommandLine;
using System.Text.Json;
using Tributary.Cli.Terminal;
using Tributary.Simulation;
using Tributary.Simulation.Convergence;

namespace Tributary.Cli.Commands;

/// <summary><c>bench convergence</c>: what each precision costs in loss, with its interval.</summary>
internal static class BenchConvergenceCommand
{
    private const int Missed = 1;

    private static readonly Argument<FileInfo> SpecPath = new("spec") { Description = "The settings to compare (YAML), such as bench/paper/convergence.yaml" };
    private static readonly Option<DirectoryInfo?> Model = new("--model") { Description = "The model's checkpoint folder [default: 'model' in the job file]" };
    private static readonly Option<DirectoryInfo?> Data = new("--data") { Description = "The folder that the job's data paths are relative to [default: the job file's]" };
    private static readonly Option<DirectoryInfo?> Out = new("--out") { Description = "The folder for report.html, results.json and what has run so far [default: out/convergence-NAME]" };
    private static readonly Option<string?> Only = new("--only") { Description = "Run the settings whose names contain this, and those that they are held against" };
    private static readonly Option<int> Parallel = new("--parallel") { Description = "How many jobs run at once, sharing the cores", DefaultValueFactory = _ => 1 };
    private static readonly Option<bool> Json = new("--json") { Description = "Print one JSON document on stdout, progress on stderr" };

    public static Command Create()
    {
        var command = new Command("convergence", "Run a job in many settings with several seeds, and tell how much less each learns than its reference; exit code 1 where one does not hold what it is held to")
        {
            SpecPath, Model, Data, Out, Only, Parallel, Json,
        };
        command.SetAction((parsed, cancellationToken) => Failures.GuardAsync(parsed, () => RunAsync(parsed, cancellationToken)));
        return command.WithExamples(
            "bench convergence bench/paper/convergence.yaml --model DIR/stories260K --data DIR",
            "bench convergence bench/paper/convergence.yaml --model DIR/stories260K --data DIR --only int2 --parallel 2");
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        FileInfo path = parsed.GetRequiredValue(SpecPath);
        ConvergenceSpec spec = ConvergenceSpec.Load(path.ToString());
        if (parsed.GetValue(Only) is { } only)
        {
            spec = spec.Only(only);
        }

        int parallel = parsed.GetValue(Parallel);
        string folder = path.DirectoryName!;
        string? model = parsed.GetValue(Model)?.FullName ?? (spec.Model is null ? null : Path.Combine(folder, spec.Model));
        var options = new ConvergenceOptions
        {
            ModelFolder = model ?? throw new UsageException($"{path}: names no model; give --model"),
            DataFolder = parsed.GetValue(Data)?.FullName ?? folder,
            OutFolder = parsed.GetValue(Out)?.FullName ?? Path.GetFullPath(Path.Combine("out", "convergence-" + spec.Name)),
            Parallel = parallel >= 1 ? parallel : throw new UsageException("--parallel should be at least 1"),
        };
        ConvergenceReport report;
        using (var view = new ExperimentView())
        {
            report = await new ConvergenceBenchmark(spec, options, TimeProvider.System).RunAsync(view.Show, cancellationToken);
        }

        string json = JsonSerializer.Serialize(report, Output.Json);
        ConvergencePage.Write(report, options.OutFolder, json);
        if (parsed.GetValue(Json))
        {
            Console.Out.WriteLine(json);
        }
        else
        {
            ConvergenceTable.Print(report, options.OutFolder);
        }

        return report.Passes ? 0 : Missed;
    }
}
