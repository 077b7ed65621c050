using System.CommandLine;
using Spectre.Console;
using Tributary.Cli.Terminal;
using Tributary.Codecs;
using Tributary.Federation.Jobs;
using Tributary.Simulation;
using Tributary.Simulation.Reports;
using Tributary.Simulation.Sensitivity;

namespace Tributary.Cli.Commands;

/// <summary><c>simulate</c>: a whole federation in one process.</summary>
internal static class SimulateCommand
{
    private static readonly Argument<FileInfo> JobPath = new("job") { Description = "The job file (YAML)" };
    private static readonly Option<DirectoryInfo?> Out = new("--out") { Description = "The folder for models, metrics and report [default: out/NAME, with a number where that is taken]" };
    private static readonly Option<int?> Rounds = new("--rounds") { Description = "The number of rounds" };
    private static readonly Option<string?> PrecisionName = new("--precision") { Description = "The precision of messages, both ways: " + string.Join(", ", Precision.All.Select(codec => codec.Name)) };
    private static readonly Option<string?> StreamingName = new("--streaming") { Description = "What is buffered before it moves on: regular, container or file" };
    private static readonly Option<string?> ExchangeName = new("--exchange") { Description = "What messages say: weights or delta" };
    private static readonly Option<ulong?> Seed = new("--seed") { Description = "The seed" };
    private static readonly Option<DirectoryInfo?> Data = new("--data") { Description = "The folder that the job's data paths are relative to [default: the job file's]" };
    private static readonly Option<DirectoryInfo?> Model = new("--model") { Description = "The model's checkpoint folder [default: 'model' in the job file]" };
    private static readonly Option<int?> Parallel = new("--parallel") { Description = "How many sites work at once [default: as many as cores where the job makes its sites of one file, otherwise all]" };
    private static readonly Option<int> Port = new("--port") { Description = "The server's loopback port; 0 for any that is free" };
    private static readonly Option<bool> Json = new("--json") { Description = "Print one JSON document on stdout, progress on stderr" };

    public static Command Create()
    {
        var command = new Command(
            "simulate",
            "Run a federation in one process: a server and its sites, over real HTTP on loopback")
        {
            JobPath, Out, Rounds, PrecisionName, StreamingName, ExchangeName, Seed, Data, Model, Parallel, Port, Json,
        };
        command.SetAction((parsed, cancellationToken) => Failures.GuardAsync(parsed, () => RunAsync(parsed, cancellationToken)));
        return command.WithExamples(
            "simulate samples/quickstart/job.yaml",
            "simulate job.yaml --precision int8 --rounds 3 --json",
            "simulate samples/many-sites/job.yaml --parallel 1",
            "simulate job.yaml --model ~/models/llama --data ~/data --out runs/first");
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        FileInfo path = parsed.GetRequiredValue(JobPath);
        if (!path.Exists)
        {
            throw new UsageException($"{path}: there is no such job file");
        }

        string folder = path.DirectoryName!;
        JobFile file = Override(SensitivityFile.Apply(JobFile.Parse(await File.ReadAllTextAsync(path.FullName, cancellationToken), path.ToString()), folder), parsed);
        string? model = parsed.GetValue(Model)?.FullName ?? (file.Model is null ? null : Path.Combine(folder, file.Model));
        var options = new SimulationOptions
        {
            File = file,
            ModelFolder = model ?? throw new UsageException($"{path}: names no model; add 'model: FOLDER' or give --model"),
            DataFolder = parsed.GetValue(Data)?.FullName ?? folder,
            TrainerFolder = folder,
            OutFolder = parsed.GetValue(Out)?.FullName ?? string.Empty,
            Parallel = parsed.GetValue(Parallel) is { } parallel ? parallel >= 1 ? parallel : throw new UsageException("--parallel should be at least 1") : null,
            Port = parsed.GetValue(Port),
        };

        if (options.OutFolder.Length == 0)
        {
            options = options with { OutFolder = FreeFolder(options) };
        }

        bool json = parsed.GetValue(Json);
        using FederationSimulation simulation = FederationSimulation.Prepare(options, TimeProvider.System);
        RunSummary summary = await RunView.ShowAsync(simulation, report => simulation.RunAsync(report, cancellationToken));
        if (json)
        {
            Console.Out.WriteLine(RunSummaryJson.Write(summary));
        }
        else
        {
            RunTable.Print(summary);
        }

        return 0;
    }

    private static JobFile Override(JobFile file, ParseResult parsed)
    {
        Job job = file.Job;
        if (parsed.GetValue(PrecisionName) is { } precision)
        {
            job = job with { Precision = new JobPrecision(Choices.Precision(precision), Choices.Precision(precision)) };
        }

        return file with
        {
            Job = job with
            {
                Rounds = parsed.GetValue(Rounds) is { } rounds ? rounds >= 1 ? rounds : throw new UsageException("--rounds should be at least 1") : job.Rounds,
                Streaming = parsed.GetValue(StreamingName) is { } streaming ? Choices.Parse<Streaming>(streaming, "--streaming") : job.Streaming,
                Exchange = parsed.GetValue(ExchangeName) is { } exchange ? Choices.Parse<Exchange>(exchange, "--exchange") : job.Exchange,
                Seed = parsed.GetValue(Seed) ?? job.Seed,
            },
        };
    }

    /// <summary>out/NAME, or with the next number where another run lies there; the same run, cut short, is gone on with.</summary>
    private static string FreeFolder(SimulationOptions options)
    {
        string name = options.File.Job.Name;
        return Enumerable.Range(1, int.MaxValue).Select(number => Path.GetFullPath(Path.Combine("out", number == 1 ? name : $"{name}-{number}")))
            .First(folder => FederationSimulation.MayRun(options with { OutFolder = folder }));
    }
}
