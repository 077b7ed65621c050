using System.CommandLine;
using System.Text.Json;
using Tributary.Cli.Terminal;
using Tributary.Codecs;
using Tributary.Federation.Jobs;
using Tributary.Simulation;
using Tributary.Simulation.Streaming;
using Tributary.Simulation.Experiments.Processes;
using Tributary.Simulation.Experiments.Roles;

namespace Tributary.Cli.Commands;

/// <summary><c>bench streaming</c>: memory and time of sending a model, in processes of their own.</summary>
internal static class BenchStreamingCommand
{
    private const string All = "all";

    private static readonly Option<string> Model = new("--model") { Description = "The checkpoint to send: a folder or file", Required = true };
    private static readonly Option<string> StreamingNames = new("--streaming") { Description = "The modes: regular, container, file, several with commas, or all", DefaultValueFactory = _ => All };
    private static readonly Option<string> PrecisionNames = new("--precision")
    {
        Description = "The precisions, with commas: " + string.Join(", ", Precision.All.Select(codec => codec.Name)),
        DefaultValueFactory = _ => "fp32",
    };

    private static readonly Option<bool> RoundTrip = new("--round-trip") { Description = "Have each site return a changed model, and make the mean of them" };
    private static readonly Option<int> Sites = new("--sites") { Description = "The number of sites, each a process", DefaultValueFactory = _ => 1 };
    private static readonly Option<int> Runs = new("--runs") { Description = "How often everything is measured, one round after the other", DefaultValueFactory = _ => 3 };
    private static readonly Option<DirectoryInfo?> Work = new("--work") { Description = "The folder to write in; everything is removed again [default: the folder for temporary files]" };
    private static readonly Option<int?> MemoryLimit = new("--memory-limit")
    {
        Description = "MiB of memory for server and sites together, page cache included; needs the right to make memory cgroups",
    };

    private static readonly Option<bool> Json = new("--json") { Description = "Print one JSON document with every run on stdout, progress on stderr" };
    private static readonly Argument<string> RoleName = new("name") { Description = "What it is called, for people who look at lists of processes" };

    public static Command Create()
    {
        var command = new Command("streaming", "Send a model from a server process to site processes in each streaming mode: memory and time, beside what moving its bytes alone takes")
        {
            Model, StreamingNames, PrecisionNames, RoundTrip, Sites, Runs, Work, MemoryLimit, Json,
        };
        command.SetAction((parsed, cancellationToken) => Failures.GuardAsync(parsed, () => RunAsync(parsed, cancellationToken)));
        return command.WithExamples(
            "bench streaming --model out/quickstart/model",
            "bench streaming --model ~/models/llama --streaming file --precision fp32,nf4 --runs 5 --json",
            "bench streaming --model ~/models/llama --round-trip --sites 2 --work /data --memory-limit 2048");
    }

    /// <summary>A process of the experiment; its settings come on stdin.</summary>
    public static Command CreateRole()
    {
        var command = new Command(RoleProcess.Verb[^1], "A process of an experiment, which starts it; reads its settings on stdin") { RoleName };
        command.Hidden = true;
        command.SetAction((parsed, cancellationToken) => Failures.GuardAsync(parsed, async () =>
        {
            await ExperimentRole.RunAsync(Console.In, Console.Out, TimeProvider.System, cancellationToken);
            return 0;
        }));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var options = new StreamingOptions
        {
            Model = parsed.GetRequiredValue(Model),
            Streaming = Modes(parsed.GetRequiredValue(StreamingNames)),
            Precisions = [.. Words(parsed.GetRequiredValue(PrecisionNames)).Select(Choices.Precision)],
            RoundTrip = parsed.GetValue(RoundTrip),
            Sites = parsed.GetValue(Sites),
            Runs = parsed.GetValue(Runs),
            WorkFolder = parsed.GetValue(Work)?.FullName ?? Path.GetTempPath(),
            MemoryLimitBytes = parsed.GetValue(MemoryLimit) is { } limit ? (long)limit << 20 : null,
        };
        StreamingBenchmark benchmark = StreamingBenchmark.Prepare(options, ProgramCommand.ThisProgram(), TimeProvider.System);
        StreamingTable.PrintSetup(benchmark.Setup);
        StreamingReport report;
        using (var view = new ExperimentView())
        {
            report = await benchmark.RunAsync(view.Show, cancellationToken);
        }

        if (parsed.GetValue(Json))
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(report, Output.Json));
        }
        else
        {
            StreamingTable.Print(report);
        }

        return 0;
    }

    private static Streaming[] Modes(string text) => text == All
        ? Enum.GetValues<Streaming>()
        : [.. Words(text).Select(word => Choices.Parse<Streaming>(word, "--streaming", All))];

    private static IEnumerable<string> Words(string text) => text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Distinct(StringComparer.Ordinal);
}
