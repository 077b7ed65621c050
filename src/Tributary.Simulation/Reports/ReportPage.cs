using System.Text;
using Tributary.Server.Dashboard;

namespace Tributary.Simulation.Reports;

/// <summary>The report's HTML: the template, with its style, its scripts, its data and what the other parts make of the summary.</summary>
internal static class ReportPage
{
    private static readonly string[] s_scripts = ["losses.js", "bytes.js", "times.js", "report.js"];

    public static string Render(RunSummary summary)
    {
        string data = RunSummaryJson.Write(summary);
        return Fill(Resource("report.html"), name => name switch
        {
            "job" => Html.From($"{summary.Job}").Markup,
            "version" => Html.From($"{summary.Version}").Markup,
            "style" => PageAssets.Read("theme.css") + Resource("report.css"),
            "facts" => ReportHeader.Facts(summary).Markup,
            "cards" => ReportHeader.Cards(summary).Markup,
            "lossLabel" => Html.From($"{ChartLabels.Loss(summary)}").Markup,
            "trainingLabel" => Html.From($"{ChartLabels.Training(summary)}").Markup,
            "bytesLabel" => Html.From($"{ChartLabels.Bytes(summary)}").Markup,
            "timeLabel" => Html.From($"{ChartLabels.Time(summary)}").Markup,
            "sites" => SiteTable.Render(summary).Markup,
            "rounds" => RoundTable.Render(summary).Markup,
            "leftOut" => LeftOutTable.Render(summary).Markup,
            "crossSite" => CrossSiteTable.Render(summary).Markup,
            "next" => NextSteps.Render(summary).Markup,
            "data" => data,
            "echarts" => PageAssets.ECharts(),
            "script" => string.Join('\n', [Resource("run.js"), PageAssets.Read("numbers.js"), PageAssets.Read("drawing.js"), .. s_scripts.Select(Resource)]),
            _ => throw new InvalidOperationException($"The report's template asks for '{name}', which nothing gives."),
        });
    }

    // One pass, so that a job called "{{data}}" stays a name.
    private static string Fill(string template, Func<string, string> value)
    {
        var page = new StringBuilder();
        int at = 0;
        while (template.IndexOf("{{", at, StringComparison.Ordinal) is var open and >= 0)
        {
            int close = template.IndexOf("}}", open, StringComparison.Ordinal);
            page.Append(template, at, open - at).Append(value(template[(open + 2)..close]));
            at = close + 2;
        }

        return page.Append(template, at, template.Length - at).ToString();
    }

    private static string Resource(string name)
    {
        using Stream stream = typeof(ReportPage).Assembly.GetManifestResourceStream("report/" + name)
            ?? throw new InvalidOperationException($"This build of Tributary.Simulation lacks its resource '{name}'.");
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
