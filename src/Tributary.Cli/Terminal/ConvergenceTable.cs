using System.Globalization;
using Spectre.Console;
using Tributary.Simulation.Convergence;

namespace Tributary.Cli.Terminal;

/// <summary>What each setting of an experiment came to.</summary>
internal static class ConvergenceTable
{
    public static void Print(ConvergenceReport report, string folder)
    {
        Table table = new Table().Border(TableBorder.Simple);
        string[] columns = ["setting", "bytes\n% of fp32", "loss\nat first", "lowest\nloss", "regret\n%", "95 % interval\n%", "against", ""];
        table.AddColumns([.. columns.Select((name, i) => i is 0 or 6 or 7 ? new TableColumn(name).NoWrap() : new TableColumn(name).RightAligned().NoWrap())]);
        foreach (SettingResult setting in report.Settings)
        {
            string interval = setting.Regret is { } regret ? $"{Percent(regret.Mean - regret.HalfWidth)} to {Percent(regret.Upper)}" : string.Empty;
            table.AddRow(
                Markup.Escape(setting.Name),
                setting.ByteShare is { } share ? Percent(share) : "–",
                Loss(setting.Runs.Average(run => run.Start)),
                Loss(setting.Runs.Average(run => run.Best)),
                setting.Regret is { } mean ? Percent(mean.Mean) : string.Empty,
                interval,
                Markup.Escape(setting.Against ?? string.Empty),
                setting.Passes switch { true => "holds", false => "does not hold", null => string.Empty });
        }

        Consoles.Out.Write(table);
        Console.Out.WriteLine($"{report.Seeds.Count} seeds, {report.Settings[0].Runs[0].Losses.Count - 1} rounds, {report.Model}. Losses are means over the seeds; regret is 0 % as good as what it is held against, 100 % nothing learnt.");
        foreach (SettingResult setting in report.Settings.Where(setting => setting.Passes == false))
        {
            Console.Out.WriteLine($"'{setting.Name}' does not hold: {string.Join("; ", setting.Failures)}");
        }

        Console.Out.WriteLine($"report     {Path.Combine(folder, ConvergencePage.FileName)}");
    }

    private static string Percent(double share) => (100 * share).ToString("0.00", CultureInfo.InvariantCulture);

    private static string Loss(double loss) => loss.ToString("F4", CultureInfo.InvariantCulture);
}
