using System.Globalization;
using System.Text.Json;
using Tributary.Server.Dashboard;
using Tributary.Simulation.Reports;
using Tributary.Tensors;

namespace Tributary.Simulation.Convergence;

/// <summary>An experiment's page: one HTML file with curves, bands and the table, that asks the network for nothing.</summary>
public static class ConvergencePage
{
    /// <summary>What it is called in the experiment's folder.</summary>
    public const string FileName = "report.html";

    private static readonly string[] Scripts = ["numbers.js", "drawing.js"];

    /// <summary>Writes the page and the figures that it is drawn from.</summary>
    /// <param name="report">What the experiment came to.</param>
    /// <param name="folder">Where to.</param>
    /// <param name="json">The report as JSON, which is written beside the page.</param>
    /// <exception cref="IOException">They cannot be written.</exception>
    public static void Write(ConvergenceReport report, string folder, string json)
    {
        DurableFile.WriteText(Path.Combine(folder, "results.json"), json);
        DurableFile.WriteText(Path.Combine(folder, FileName), Render(report));
    }

    internal static string Render(ConvergenceReport report) => PageTemplate.Fill("convergence.html", name => name switch
    {
        "name" => Html.From($"{report.Name}").Markup,
        "version" => Html.From($"{report.Version}").Markup,
        "style" => PageAssets.Read("theme.css") + PageTemplate.Resource("report.css"),
        "facts" => Facts(report).Markup,
        "settings" => Table(report).Markup,
        "failures" => Html.Join(report.Settings.Where(setting => setting.Passes == false).Select(setting => Html.From($"<p>{setting.Name} does not hold: {string.Join("; ", setting.Failures)}.</p>"))).Markup,
        "data" => JsonSerializer.Serialize(report, JsonSerializerOptions.Web),
        "echarts" => PageAssets.ECharts(),
        "script" => string.Join('\n', [.. Scripts.Select(PageAssets.Read), PageTemplate.Resource("convergence.js")]),
        _ => throw new InvalidOperationException($"The template asks for '{name}', which nothing gives."),
    });

    private static Html Facts(ConvergenceReport report) => Html.From($"""
        <div><dt>Model</dt><dd>{report.Model}</dd></div>
        <div><dt>Rounds</dt><dd>{report.Settings[0].Runs[0].Losses.Count - 1}</dd></div>
        <div><dt>Seeds</dt><dd>{string.Join(", ", report.Seeds)}</dd></div>
        <div><dt>Begun</dt><dd>{report.Started.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture)}</dd></div>
        <div><dt>Machine</dt><dd>{report.Machine}</dd></div>
        """);

    private static Html Table(ConvergenceReport report) => Html.From($"""
        <table>
        <caption id="settings-caption"><span>Means over {report.Seeds.Count} seeds</span></caption>
        <thead><tr><th scope="col">Setting</th><th scope="col">Bytes of fp32</th><th scope="col">First loss</th><th scope="col">Lowest loss</th>
        <th scope="col">Regret</th><th scope="col">95 % interval</th><th scope="col">Against</th><th scope="col">What it is held to</th></tr></thead>
        <tbody>
        {Html.Join(report.Settings.Select(Row))}
        </tbody>
        </table>
        """);

    private static Html Row(SettingResult setting) => Html.From($"""
        <tr><th scope="row">{setting.Name}</th>
        <td>{(setting.ByteShare is { } share ? Figures.Percent(share) : Figures.None)}</td>
        <td>{Figures.Loss(setting.Runs.Average(run => run.Start))}</td><td>{Figures.Loss(setting.Runs.Average(run => run.Best))}</td>
        <td>{(setting.Regret is { } regret ? Percent(regret.Mean) : Figures.None)}</td>
        <td>{(setting.Regret is { } interval ? $"{Percent(interval.Mean - interval.HalfWidth)} to {Percent(interval.Upper)}" : Figures.None)}</td>
        <td>{setting.Against ?? Figures.None}</td>
        <td>{setting.Passes switch { true => "holds", false => "does not hold", null => "not judged" }}</td></tr>
        """);

    private static string Percent(double share) => Figures.Percent(share).Replace('-', '−');
}
