using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Spectre.Console;
using Tributary.Cli.Terminal;
using Tributary.Simulation.PrivacyCosts;

namespace Tributary.Cli.Commands;

/// <summary><c>bench privacy</c>: what masks, rings and noise cost a round.</summary>
internal static class BenchPrivacyCommand
{
    private static readonly Option<DirectoryInfo> Model = new("--model") { Description = "The checkpoint folder to start from", Required = true };
    private static readonly Option<int> Sites = new("--sites") { Description = "The number of sites, all in this process", DefaultValueFactory = _ => 16 };
    private static readonly Option<int> Rounds = new("--rounds") { Description = "The rounds of each setting; the median counts", DefaultValueFactory = _ => 3 };
    private static readonly Option<string[]> Settings = new("--setting") { Description = "Measure this setting only; may be given several times", AllowMultipleArgumentsPerToken = false };
    private static readonly Option<DirectoryInfo?> Work = new("--work") { Description = "The folder to write in; everything is removed again [default: the folder for temporary files]" };
    private static readonly Option<bool> Json = new("--json") { Description = "Print one JSON document on stdout, progress on stderr" };

    public static Command Create()
    {
        var command = new Command("privacy", "What secure aggregation and noise cost a round: bytes, time and memory, beside the same round without")
        {
            Model, Sites, Rounds, Settings, Work, Json,
        };
        command.SetAction((parsed, cancellationToken) => Failures.GuardAsync(parsed, () => RunAsync(parsed, cancellationToken)));
        return command.WithExamples(
            "bench privacy --model ~/models/llama",
            "bench privacy --model ~/models/llama --sites 16 --setting \"ring 8\" --setting \"ring 8, masked\" --json");
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var options = new PrivacyBenchmarkOptions
        {
            Model = parsed.GetRequiredValue(Model).FullName,
            Sites = parsed.GetValue(Sites),
            Rounds = parsed.GetValue(Rounds),
            WorkFolder = parsed.GetValue(Work)?.FullName ?? Path.GetTempPath(),
            Settings = parsed.GetValue(Settings) is { Length: > 0 } named ? named : null,
        };
        PrivacyCostReport report;
        using (var view = new ExperimentView())
        {
            report = await new PrivacyBenchmark(options, TimeProvider.System).RunAsync(view.Show, cancellationToken);
        }

        if (parsed.GetValue(Json))
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(report, Output.Json));
        }
        else
        {
            Print(report);
        }

        return 0;
    }

    private static void Print(PrivacyCostReport report)
    {
        Consoles.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{report.Model}: {report.Parameters:N0} parameters, {report.Sites} sites, {report.Rounds} rounds each"));
        Table table = new Table().Border(TableBorder.Simple);
        table.AddColumns([.. new[] { "setting", "result\nMiB", "of fp32", "protocol\nKiB", "round\ns", "times", "peak\nMB" }.Select((name, place) => place == 0 ? new TableColumn(name) : new TableColumn(name).RightAligned().NoWrap())]);
        foreach (PrivacyCost cost in report.Costs)
        {
            PrivacyCost? against = report.Costs.FirstOrDefault(other => other.Name == cost.Against);
            table.AddRow(
                cost.Name, Figure(cost.ResultBytes / (1 << 20)), Figure(100 * (cost.ResultBytes + cost.ProtocolBytes) / cost.Fp32Bytes) + " %", Figure(cost.ProtocolBytes / 1024), Figure(cost.Seconds),
                against is null ? string.Empty : $"{Figure(cost.Seconds / against.Seconds)} of {against.Name}", Figure(cost.PeakBytes / 1e6));
        }

        Consoles.Out.Write(table);
    }

    private static string Figure(double value) => value.ToString(value < 100 ? "0.00" : "0", CultureInfo.InvariantCulture);
}
