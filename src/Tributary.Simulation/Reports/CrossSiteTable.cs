namespace Tributary.Simulation.Reports;

/// <summary>Every site's model at every site; nothing where that was not measured.</summary>
internal static class CrossSiteTable
{
    public static Html Render(RunSummary run) => run.CrossSite.Count == 0 ? default : Html.From($"""
        <section aria-labelledby="cross-title">
        <h2 id="cross-title">Cross-site evaluation</h2>
        <div class="scroll" role="region" aria-labelledby="cross-caption" tabindex="0">
        <table>
        <caption id="cross-caption"><span>Held-out loss of the model that each site trained in the last round (rows), measured by each site
        (columns)</span></caption>
        <thead><tr><th scope="col">Model of</th>{Html.Join(run.Sites.Select(site => Html.From($"""<th scope="col">{site.Name}</th>""")))}</tr></thead>
        <tbody>
        {Html.Join(run.CrossSite.Select(row => Row(run, row)))}
        </tbody>
        </table>
        </div>
        </section>
        """);

    private static Html Row(RunSummary run, CrossSiteRow row) => Html.From($"""
        <tr><th scope="row">{row.Model}</th>{Html.Join(run.Sites.Select(site => Cell(row, site.Name)))}</tr>
        """);

    private static Html Cell(CrossSiteRow row, string site) =>
        Html.From($"""<td>{(row.Losses.TryGetValue(site, out double loss) ? Figures.Loss(loss) : Figures.None)}</td>""");
}
