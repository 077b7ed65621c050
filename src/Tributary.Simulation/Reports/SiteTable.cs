namespace Tributary.Simulation.Reports;

/// <summary>A row for each site: its data, where its losses began and ended, and its bytes.</summary>
internal static class SiteTable
{
    public static Html Render(RunSummary run)
    {
        ILookup<string, SiteRoundSummary> parts = run.Rounds.SelectMany(round => round.Sites).ToLookup(part => part.Site);
        return Html.From($"""
            <table>
            <caption id="sites-caption"><span>Sites: their records, their losses in the first and the last round they took part in,
            their bytes in all rounds</span></caption>
            <thead>
            <tr><th scope="col" rowspan="2">Site</th><th scope="col" rowspan="2">Rounds</th>
            <th scope="colgroup" colspan="3">Records</th><th scope="colgroup" colspan="3">Held-out loss</th>
            <th scope="colgroup" colspan="2">Training loss</th><th scope="colgroup" colspan="2">Bytes</th></tr>
            <tr><th scope="col">train</th><th scope="col">held out</th><th scope="col">truncated</th>
            <th scope="col">first received</th><th scope="col">last received</th><th scope="col">last trained</th>
            <th scope="col">first</th><th scope="col">last</th><th scope="col">received</th><th scope="col">sent</th></tr>
            </thead>
            <tbody>
            {Html.Join(run.Sites.Select(site => Row(site, [.. parts[site.Name]])))}
            </tbody>
            {Foot(run)}
            </table>
            """);
    }

    private static Html Row(SiteSummary site, IReadOnlyList<SiteRoundSummary> parts)
    {
        SiteRoundSummary? first = parts.Count == 0 ? null : parts[0];
        SiteRoundSummary? last = parts.Count == 0 ? null : parts[^1];
        return Html.From($"""
            <tr><th scope="row">{site.Name}</th><td>{Figures.Count(parts.Count)}</td>
            <td>{Figures.Count(site.TrainRecords)}</td><td>{Figures.Count(site.HeldOutRecords)}</td><td>{Truncated(site)}</td>
            <td>{Figures.Loss(first?.ReceivedLoss)}</td><td>{Figures.Loss(last?.ReceivedLoss)}</td><td>{Figures.Loss(last?.LocalLoss)}</td>
            <td>{Figures.Loss(first?.TrainLoss)}</td><td>{Figures.Loss(last?.TrainLoss)}</td>
            <td>{Figures.Bytes(parts.Sum(part => part.BytesDown))}</td><td>{Figures.Bytes(parts.Sum(part => part.BytesUp))}</td></tr>
            """);
    }

    private static string Truncated(SiteSummary site)
    {
        long records = (long)site.TrainRecords + site.HeldOutRecords;
        return site.TruncatedRecords == 0 || records == 0
            ? Figures.Count(site.TruncatedRecords)
            : $"{Figures.Count(site.TruncatedRecords)} ({Figures.Percent(site.TruncatedRecords / (double)records)})";
    }

    private static Html Foot(RunSummary run)
    {
        IEnumerable<SiteRoundSummary> parts = run.Rounds.SelectMany(round => round.Sites);
        return Html.From($"""
            <tfoot><tr><th scope="row">All sites</th><td>{Figures.Count(run.Rounds.Count)}</td>
            <td>{Figures.Count(run.Sites.Sum(site => (long)site.TrainRecords))}</td>
            <td>{Figures.Count(run.Sites.Sum(site => (long)site.HeldOutRecords))}</td>
            <td>{Figures.Count(run.Sites.Sum(site => (long)site.TruncatedRecords))}</td><td></td><td></td><td></td><td></td><td></td>
            <td>{Figures.Bytes(parts.Sum(part => part.BytesDown))}</td><td>{Figures.Bytes(parts.Sum(part => part.BytesUp))}</td></tr>
            </tfoot>
            """);
    }
}
