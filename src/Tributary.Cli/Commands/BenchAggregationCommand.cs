using System.CommandLine;
using System.Text.Json;
using Tributary.Cli.Terminal;
using Tributary.Codecs;
using Tributary.Federation.Jobs;
using Tributary.Simulation.Aggregation;
using Tributary.Simulation.Experiments.Processes;
using Tributary.Simulation.Experiments.Roles;

namespace Tributary.Cli.Commands;

/// <summary><c>bench aggregation</c>: memory and time of whole rounds, in processes of their own.</summary>
internal static class BenchAggregationCommand
{
    private static readonly Option<string> Model = new("--model") { Description = "The checkpoint to start from: a folder or file", Required = true };
    private static readonly Option<int> Sites = new("--sites") { Description = "The number of sites, each a process", DefaultValueFactory = _ => 2 };
    private static readonly Option<string> PrecisionName = new("--precision")
    {
        Description = "The precision of messages, both ways: " + string.Join(", ", Precision.All.Select(codec => codec.Name)),
        DefaultValueFactory = _ => "fp32",
    };

    private static readonly Option<int> Rounds = new("--rounds") { Description = "The number of rounds", DefaultValueFactory = _ => 1 };
    private static readonly Option<string> ExchangeName = new("--exchange") { Description = "What messages say: weights or delta", DefaultValueFactory = _ => "weights" };
    private static readonly Option<bool> WriteOut = new("--write-out") { Description = "Have each site write the model that it received to its disk at its original precision, as for a trainer's process" };
    private static readonly Option<double> Sleep = new("--sleep") { Description = "Seconds that each site sleeps in a round, as if it trained" };
    private static readonly Option<double> Slow = new("--slow") { Description = "How many times as long the first site sleeps", DefaultValueFactory = _ => 1 };
    private static readonly Option<DirectoryInfo?> Work = new("--work") { Description = "The folder to write in; everything is removed again [default: the folder for temporary files]" };
    private static readonly Option<bool> Json = new("--json") { Description = "Print one JSON document on stdout, progress on stderr" };

    public static Command Create()
    {
        var command = new Command("aggregation", "Whole rounds between a server process and site processes: memory and time, beside what moving the same bytes takes at the least")
        {
            Model, Sites, PrecisionName, Rounds, ExchangeName, WriteOut, Sleep, Slow, Work, Json,
        };
        command.SetAction((parsed, cancellationToken) => Failures.GuardAsync(parsed, () => RunAsync(parsed, cancellationToken)));
        return command.WithExamples(
            "bench aggregation --model out/quickstart/model",
            "bench aggregation --model ~/models/llama --sites 6 --precision nf4 --rounds 2 --exchange delta --work /data",
            "bench aggregation --model ~/models/llama --sites 6 --precision nf4 --write-out --json");
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var options = new AggregationOptions
        {
            Model = parsed.GetRequiredValue(Model),
            Sites = parsed.GetValue(Sites),
            Precision = Choices.Precision(parsed.GetRequiredValue(PrecisionName)),
            Rounds = parsed.GetValue(Rounds),
            Exchange = Choices.Parse<Exchange>(parsed.GetRequiredValue(ExchangeName), "--exchange"),
            Use = parsed.GetValue(WriteOut) ? ModelUse.WriteOut : ModelUse.Lazy,
            SleepSeconds = parsed.GetValue(Sleep),
            SlowFactor = parsed.GetValue(Slow),
            WorkFolder = parsed.GetValue(Work)?.FullName ?? Path.GetTempPath(),
        };
        AggregationBenchmark benchmark = AggregationBenchmark.Prepare(options, ProgramCommand.ThisProgram(), TimeProvider.System);
        AggregationTable.PrintSetup(benchmark.Setup);
        AggregationReport report;
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
            AggregationTable.Print(report);
        }

        return 0;
    }
}
