using System.Globalization;
using Spectre.Console;
using Tributary.Simulation.Reports;

namespace Tributary.Cli.Terminal;

/// <summary>What a run came to, as a table and the paths of what it left.</summary>
internal static class RunTable
{
    private const int SiteColumnsMax = 4;

    private const int LeftOutShownMax = 10;

    public static void Print(RunSummary run)
    {
        // Each site's own loss where there is room for it; the report has them all.
        SiteSummary[] shown = run.Sites.Count <= SiteColumnsMax ? [.. run.Sites] : [];
        Table table = new Table().Border(TableBorder.Simple);
        table.AddColumns([.. new[] { "round", "loss" }.Concat(run.Privacy is null ? [] : ["epsilon"]).Concat(shown.Select(site => site.Name)).Concat(["down", "up", "time"])
            .Select(name => new TableColumn(Markup.Escape(name)).RightAligned().NoWrap())]);
        table.AddRow(["0", Known(run.InitialLoss), .. run.Privacy is null ? Array.Empty<string>() : ["0"], .. shown.Select(_ => string.Empty), string.Empty, string.Empty, string.Empty]);
        foreach (RoundSummary round in run.Rounds)
        {
            string best = round.Round == run.BestRound ? $"[green]{Known(round.GlobalLoss)}[/]" : Known(round.GlobalLoss);
            table.AddRow(
            [
                $"{round.Round}",
                best,
                .. round.Epsilon is { } epsilon ? [epsilon.ToString("0.###", CultureInfo.InvariantCulture)] : Array.Empty<string>(),
                .. shown.Select(site => round.Sites.FirstOrDefault(part => part.Site == site.Name) is { } part ? Known(part.LocalLoss) : "-"),
                Output.Bytes(round.BytesDown),
                Output.Bytes(round.BytesUp),
                Output.Time(round.Seconds),
            ]);
        }

        Consoles.Out.Write(table);
        foreach ((int round, LeftOutSite left) in run.Rounds.SelectMany(round => round.LeftOut.Select(left => (round.Round, left))).Take(LeftOutShownMax))
        {
            Consoles.Out.WriteLine($"round {round} went on without {left.Site}, {left.State}: {left.Reason.Split('\n')[0]}");
        }

        PrintCrossSite(run);
        long bytes = run.BytesDown + run.BytesUp;
        if (run.EndedEarly is { } reason)
        {
            Consoles.Out.WriteLine($"ended after round {run.Rounds.Count}: {reason}");
        }

        if (run.Privacy is { } privacy)
        {
            string figures = privacy.FiguresWithheld ? "losses and counts stay at the sites" : "the losses are told outside of that";
            Consoles.Out.MarkupLineInterpolated($"privacy of a {privacy.Unit}: epsilon [bold]{privacy.Epsilon:0.###}[/] at delta {privacy.Delta:0.##e-0} spent; {figures}");
        }

        if (run is { InitialLoss: { } initial, FinalLoss: { } final })
        {
            Consoles.Out.MarkupLineInterpolated($"held-out loss [bold]{Output.Loss(initial)}[/] -> [bold green]{Output.Loss(final)}[/], best in round {run.BestRound}");
        }

        Consoles.Out.WriteLine($"{Output.Bytes(bytes)} moved, {Output.Percent(bytes, run.Fp32BytesDown + run.Fp32BytesUp)} of fp32; peak memory {Output.Bytes(run.PeakRssBytes)}; {Output.Time(run.Seconds)}");
        Consoles.Out.WriteLine();

        // Paths are printed bare, so that no width of the terminal breaks them.
        Console.Out.WriteLine($"report  {run.Paths.Report}");
        Console.Out.WriteLine($"{(run.Base is null ? "model  " : "adapter")} {run.Paths.Model}");
        Console.Out.WriteLine($"best    {run.Paths.BestModel}");
        Console.Out.WriteLine($"metrics {run.Paths.Metrics}");
    }

    private static string Known(double? loss) => loss is { } value ? Output.Loss(value) : "-";

    /// <summary>Every site's model at every site, where a workflow measured that.</summary>
    private static void PrintCrossSite(RunSummary run)
    {
        if (run.CrossSite.Count == 0)
        {
            return;
        }

        Table table = new Table().Border(TableBorder.Simple).Title("held-out loss of each site's model (rows) at each site");
        table.AddColumns([.. run.Sites.Select(site => site.Name).Prepend("model of").Select(name => new TableColumn(Markup.Escape(name)).RightAligned().NoWrap())]);
        foreach (CrossSiteRow row in run.CrossSite)
        {
            table.AddRow([Markup.Escape(row.Model), .. run.Sites.Select(site => row.Losses.TryGetValue(site.Name, out double loss) ? Output.Loss(loss) : "-")]);
        }

        Consoles.Out.Write(table);
    }
}
