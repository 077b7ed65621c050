using Spectre.Console;
using Tributary.Simulation.Reports;

namespace Tributary.Cli.Terminal;

/// <summary>What a run came to, as a table and the paths of what it left.</summary>
internal static class RunTable
{
    public static void Print(RunSummary run)
    {
        Table table = new Table().Border(TableBorder.Simple);
        table.AddColumn(new TableColumn("round").RightAligned());
        table.AddColumn(new TableColumn("global loss").RightAligned());
        foreach (SiteSummary site in run.Sites)
        {
            table.AddColumn(new TableColumn(Markup.Escape(site.Name)).RightAligned());
        }

        table.AddColumn(new TableColumn("down").RightAligned()).AddColumn(new TableColumn("up").RightAligned()).AddColumn(new TableColumn("time").RightAligned());
        table.AddRow(["0", Output.Loss(run.InitialLoss), .. run.Sites.Select(_ => string.Empty), string.Empty, string.Empty, string.Empty]);
        foreach (RoundSummary round in run.Rounds)
        {
            string best = round.Round == run.BestRound ? $"[green]{Output.Loss(round.GlobalLoss)}[/]" : Output.Loss(round.GlobalLoss);
            table.AddRow(
            [
                $"{round.Round}",
                best,
                .. run.Sites.Select(site => round.Sites.FirstOrDefault(part => part.Site == site.Name) is { } part ? Output.Loss(part.LocalLoss) : "-"),
                Output.Bytes(round.BytesDown),
                Output.Bytes(round.BytesUp),
                Output.Time(round.Seconds),
            ]);
        }

        AnsiConsole.Write(table);
        long bytes = run.BytesDown + run.BytesUp;
        AnsiConsole.MarkupLineInterpolated($"held-out loss [bold]{Output.Loss(run.InitialLoss)}[/] -> [bold green]{Output.Loss(run.FinalLoss)}[/], best in round {run.BestRound}");
        AnsiConsole.WriteLine($"{Output.Bytes(bytes)} moved, {Output.Percent(bytes, run.Fp32BytesDown + run.Fp32BytesUp)} of fp32; peak memory {Output.Bytes(run.PeakRssBytes)}; {Output.Time(run.Seconds)}");
        AnsiConsole.WriteLine();

        // Paths are printed bare, so that no width of the terminal breaks them.
        Console.Out.WriteLine($"report  {run.Paths.Report}");
        Console.Out.WriteLine($"model   {run.Paths.Model}");
        Console.Out.WriteLine($"best    {run.Paths.BestModel}");
        Console.Out.WriteLine($"metrics {run.Paths.Metrics}");
    }
}
