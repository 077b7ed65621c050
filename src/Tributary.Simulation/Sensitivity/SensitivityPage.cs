using System.Globalization;
using Tributary.Server.Dashboard;
using Tributary.Simulation.Reports;
using Tributary.Tensors;

namespace Tributary.Simulation.Sensitivity;

/// <summary>The heat maps: layers by kinds of tensor, one for each precision. One HTML file without scripts.</summary>
public static class SensitivityPage
{
    /// <summary>What the page is called.</summary>
    public const string FileName = "report.html";

    /// <summary>What the measured figures are called, which a job file can name.</summary>
    public const string FiguresName = "sensitivity.json";

    // Rises of the loss in nats: from no colour to full colour, in steps of a half decade.
    private const double Palest = 1e-5;
    private const double Darkest = 1;

    /// <summary>Writes the page and the figures.</summary>
    /// <exception cref="IOException">They cannot be written.</exception>
    public static void Write(SensitivityReport report, string folder)
    {
        Directory.CreateDirectory(folder);
        DurableFile.WriteText(Path.Combine(folder, FiguresName), report.ToJson());
        DurableFile.WriteText(Path.Combine(folder, FileName), Render(report));
    }

    internal static string Render(SensitivityReport report) => PageTemplate.Fill("sensitivity.html", name => name switch
    {
        "model" => Html.From($"{Path.GetFileName(Path.TrimEndingDirectorySeparator(report.Model))}").Markup,
        "version" => Html.From($"{report.Version}").Markup,
        "style" => PageAssets.Read("theme.css") + PageTemplate.Resource("report.css") + PageTemplate.Resource("sensitivity.css"),
        "facts" => Html.From($"""
            <div><dt>Records</dt><dd>{report.Records} of {Path.GetFileName(report.Data)}</dd></div>
            <div><dt>Held-out loss as it is</dt><dd>{Figures.Loss(report.Loss)}</dd></div>
            <div><dt>Tensors</dt><dd>{report.Tensors.Count}</dd></div>
            """).Markup,
        "maps" => Html.Join(report.Tensors[0].Precisions.Select((each, at) => Map(report, each.Precision, at))).Markup,
        _ => throw new InvalidOperationException($"The template asks for '{name}', which nothing gives."),
    });

    private static Html Map(SensitivityReport report, string precision, int at)
    {
        string[] kinds = [.. report.Tensors.Where(tensor => tensor.Layer is not null).Select(tensor => tensor.Kind).Distinct(StringComparer.Ordinal)];
        int?[] layers = [.. report.Tensors.Select(tensor => tensor.Layer).Where(layer => layer is not null).Distinct().Order()];
        IEnumerable<Html> rows = layers.Select(layer => Html.From($"""
            <tr><th scope="row">{layer}</th>{Html.Join(kinds.Select(kind => Cell(report.Tensors.FirstOrDefault(tensor => tensor.Layer == layer && tensor.Kind == kind), at)))}</tr>
            """));
        IEnumerable<Html> others = report.Tensors.Where(tensor => tensor.Layer is null).Select(tensor => Html.From($"""
            <tr><th scope="row">{tensor.Kind}</th>{Cell(tensor, at)}</tr>
            """));
        return Html.From($"""
            <section aria-labelledby="map-{precision}">
            <h2 id="map-{precision}">{precision}</h2>
            <div class="scroll" role="region" aria-labelledby="map-{precision}" tabindex="0">
            <table class="heat"><thead><tr><th scope="col">Layer</th>{Html.Join(kinds.Select(kind => Html.From($"<th scope=\"col\">{Short(kind)}</th>")))}</tr></thead>
            <tbody>{Html.Join(rows)}</tbody></table>
            <table class="heat"><thead><tr><th scope="col">Of no layer</th><th scope="col">rise</th></tr></thead><tbody>{Html.Join(others)}</tbody></table>
            </div>
            </section>
            """);
    }

    private static Html Cell(TensorSensitivity? tensor, int at)
    {
        if (tensor is null)
        {
            return new Html("<td></td>");
        }

        PrecisionEffect effect = tensor.Precisions[at];
        double depth = effect.Rise <= Palest ? 0 : Math.Clamp(Math.Log(effect.Rise / Palest) / Math.Log(Darkest / Palest), 0, 1);
        string percent = (100 * depth).ToString("F0", CultureInfo.InvariantCulture);
        string rise = Math.Abs(effect.Rise) < 5e-6 ? "0" : effect.Rise.ToString("0.00000", CultureInfo.InvariantCulture).Replace('-', '−');
        return Html.From($"<td style=\"--depth: {percent}%\" title=\"{tensor.Name}: {effect.Precision} takes {Figures.Bytes(effect.Bytes)}\">{rise}</td>");
    }

    private static string Short(string kind) => kind[(kind.LastIndexOf('.') + 1)..];
}
