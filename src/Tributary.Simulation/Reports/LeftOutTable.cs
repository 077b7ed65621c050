namespace Tributary.Simulation.Reports;

/// <summary>A row for each time that a round went on without a site; nothing where that never happened.</summary>
internal static class LeftOutTable
{
    public static Html Render(RunSummary run) => run.Rounds.All(round => round.LeftOut.Count == 0) ? default : Html.From($"""
        <section aria-labelledby="left-out-title">
        <h2 id="left-out-title">Left out</h2>
        <div class="scroll" role="region" aria-labelledby="left-out-caption" tabindex="0">
        <table class="words">
        <caption id="left-out-caption"><span>Rounds that went on without a site, and why</span></caption>
        <thead><tr><th scope="col">Round</th><th scope="col">Site</th><th scope="col">Its part</th><th scope="col">Reason</th></tr></thead>
        <tbody>
        {Html.Join(run.Rounds.SelectMany(round => round.LeftOut.Select(left => Row(round.Round, left))))}
        </tbody>
        </table>
        </div>
        </section>
        """);

    private static Html Row(int round, LeftOutSite left) => Html.From($"""
        <tr><th scope="row">{round}</th><td>{left.Site}</td><td>{left.State}</td><td>{left.Reason}</td></tr>
        """);
}
