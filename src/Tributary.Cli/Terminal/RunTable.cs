using Spectre.Console;
using Tributary.Simulation.Reports;

namespace Tributary.Cli.Terminal;

/// <summary>What a run came to, as a table and the paths of what it left.</summary>
internal static class RunTable
{
    private const int SiteColumnsMax = 4;

    public static void Print(RunSummary run)
    {
        // Each site's own loss where there is room for it; the report has them all.
        SiteSummary[] shown = run.Sites.Count <= SiteColumnsMax ? [.. run.Sites] : [];
        Table table = new Table().Border(TableBorder.Simple);
        table.AddColumns([.. new[] { "round", "loss" }.Concat(shown.Select(site => site.Name)).Concat(["down", "up", "time"])
            .Select(name => new TableColumn(Markup.Escape(name)).RightAligned().NoWrap())]);
        table.AddRow(["0", Output.Loss(run.InitialLoss), .. shown.Select(_ => string.Empty), string.Empty, string.Empty, string.Empty]);
        foreach (RoundSummary round in run.Rounds)
        {
            string best = round.Round == run.BestRound ? $"[green]{Output.Loss(round.GlobalLoss)}[/]" : Output.Loss(round.GlobalLoss);
            table.AddRow(
            [
                $"{round.Round}",
                best,
                .. shown.Select(site => round.Sites.FirstOrDefault(part => part.Site == site.Name) is { } part ? Output.Loss(part.LocalLoss) : "-"),
                Output.Bytes(round.BytesDown),
                Output.Bytes(round.BytesUp),
                Output.Time(round.Seconds),
            ]);
        }

        Consoles.Out.Write(table);
        long bytes = run.BytesDown + run.BytesUp;
        Consoles.Out.MarkupLineInterpolated($"held-out loss [bold]{Output.Loss(run.InitialLoss)}[/] -> [bold green]{Output.Loss(run.FinalLoss)}[/], best in round {run.BestRound}");
        Consoles.Out.WriteLine($"{Output.Bytes(bytes)} moved, {Output.Percent(bytes, run.Fp32BytesDown + run.Fp32BytesUp)} of fp32; peak memory {Output.Bytes(run.PeakRssBytes)}; {Output.Time(run.Seconds)}");
        Consoles.Out.WriteLine();

        // Paths are printed bare, so that no width of the terminal breaks them.
        Console.Out.WriteLine($"report  {run.Paths.Report}");
        Console.Out.WriteLine($"{(run.Base is null ? "model  " : "adapter")} {run.Paths.Model}");
        Console.Out.WriteLine($"best    {run.Paths.BestModel}");
        Console.Out.WriteLine($"metrics {run.Paths.Metrics}");
    }
}
