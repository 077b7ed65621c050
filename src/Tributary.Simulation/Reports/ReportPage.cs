using Tributary.Server.Dashboard;

namespace Tributary.Simulation.Reports;

/// <summary>The report's HTML: the template, with its style, its scripts, its data and what the other parts make of the summary.</summary>
internal static class ReportPage
{
    private static readonly string[] s_scripts = ["losses.js", "bytes.js", "times.js", "report.js"];

    public static string Render(RunSummary summary)
    {
        string data = RunSummaryJson.Write(summary);
        return PageTemplate.Fill("report.html", name => name switch
        {
            "job" => Html.From($"{summary.Job}").Markup,
            "version" => Html.From($"{summary.Version}").Markup,
            "style" => PageAssets.Read("theme.css") + PageTemplate.Resource("report.css"),
            "facts" => ReportHeader.Facts(summary).Markup,
            "cards" => ReportHeader.Cards(summary).Markup,
            "lossLabel" => Html.From($"{ChartLabels.Loss(summary)}").Markup,
            "trainingLabel" => Html.From($"{ChartLabels.Training(summary)}").Markup,
            "bytesLabel" => Html.From($"{ChartLabels.Bytes(summary)}").Markup,
            "timeLabel" => Html.From($"{ChartLabels.Time(summary)}").Markup,
            "sites" => SiteTable.Render(summary).Markup,
            "rounds" => RoundTable.Render(summary).Markup,
            "chosen" => ChosenTable.Render(summary).Markup,
            "leftOut" => LeftOutTable.Render(summary).Markup,
            "crossSite" => CrossSiteTable.Render(summary).Markup,
            "next" => NextSteps.Render(summary).Markup,
            "data" => data,
            "echarts" => PageAssets.ECharts(),
            "script" => string.Join('\n', [PageTemplate.Resource("run.js"), PageAssets.Read("numbers.js"), PageAssets.Read("drawing.js"), .. s_scripts.Select(PageTemplate.Resource)]),
            _ => throw new InvalidOperationException($"The report's template asks for '{name}', which nothing gives."),
        });
    }
}
