namespace Tributary.Simulation.Reports;

/// <summary>A row for each round whose messages have a precision chosen for each tensor; nothing where none has.</summary>
internal static class ChosenTable
{
    public static Html Render(RunSummary run) => run.Rounds.All(round => round.ChosenDown.Count + round.ChosenUp.Count == 0) ? default : Html.From($"""
        <section aria-labelledby="chosen-title">
        <h2 id="chosen-title">Chosen precisions</h2>
        <div class="scroll" role="region" aria-labelledby="chosen-caption" tabindex="0">
        <table class="words">
        <caption id="chosen-caption"><span>What was chosen for the tensors of each round's messages, by the share of the elements; to the server it is the mean of the sites</span></caption>
        <thead><tr><th scope="col">Round</th><th scope="col">To sites</th><th scope="col">To server</th></tr></thead>
        <tbody>
        {Html.Join(run.Rounds.Select(Row))}
        </tbody>
        </table>
        </div>
        </section>
        """);

    private static Html Row(RoundSummary round) => Html.From($"""
        <tr><th scope="row">{round.Round}</th><td>{Shares(round.ChosenDown)}</td><td>{Shares(round.ChosenUp)}</td></tr>
        """);

    private static string Shares(IReadOnlyList<ChosenPrecision> chosen) =>
        chosen.Count == 0 ? Figures.None : string.Join(", ", chosen.Select(one => $"{one.Precision} {Figures.Percent(one.Share)}"));
}
