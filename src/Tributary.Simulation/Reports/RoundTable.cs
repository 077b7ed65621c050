namespace Tributary.Simulation.Reports;

/// <summary>A row for each round, from the initial model (round 0) to the last evaluation.</summary>
internal static class RoundTable
{
    public static Html Render(RunSummary run) => Html.From($"""
        <table>
        <caption id="rounds-caption"><span>Rounds: the model that each produced, its time and its bytes</span></caption>
        <thead>
        <tr><th scope="col" rowspan="2">Round</th><th scope="col" rowspan="2">Sites</th>
        <th scope="colgroup" colspan="2">Held-out loss</th><th scope="col" rowspan="2">Training loss</th>
        {(run.Privacy is null ? default : new Html("<th scope=\"col\" rowspan=\"2\">Epsilon so far</th>"))}<th scope="colgroup" colspan="4">Time</th><th scope="colgroup" colspan="3">Bytes</th></tr>
        <tr><th scope="col">global model</th><th scope="col">change</th><th scope="col">round</th><th scope="col">encode</th>
        <th scope="col">slowest training</th><th scope="col">merge</th><th scope="col">to sites</th><th scope="col">to server</th>
        <th scope="col">of fp32</th></tr>
        </thead>
        <tbody>
        {Initial(run)}
        {Html.Join(run.Rounds.Select((round, at) => Row(run, round, at == 0 ? run.InitialLoss : run.Rounds[at - 1].GlobalLoss)))}
        {LastEvaluation(run)}
        </tbody>
        {Foot(run)}
        </table>
        """);

    private static Html Initial(RunSummary run) => Html.From($"""
        <tr><th scope="row">0 <span class="tag">initial model</span>{Best(run, 0)}</th>
        <td></td><td>{Figures.Loss(run.InitialLoss)}</td><td></td><td></td>{Epsilon(run, 0)}
        <td></td><td></td><td></td><td></td><td></td><td></td><td></td></tr>
        """);

    private static Html Row(RunSummary run, RoundSummary round, double? lossBefore) => Html.From($"""
        <tr><th scope="row">{round.Round}{Best(run, round.Round)}</th><td>{Figures.Count(round.Sites.Count)}</td>
        <td>{Figures.Loss(round.GlobalLoss)}</td><td>{Figures.Change(lossBefore, round.GlobalLoss)}</td>
        <td>{Figures.Loss(TrainLoss(round))}</td>{Epsilon(run, round.Epsilon)}
        <td>{Figures.Seconds(round.Seconds)}</td><td>{Figures.Seconds(round.EncodeSeconds)}</td>
        <td>{SlowestTraining(round)}</td><td>{Figures.Seconds(round.MergeSeconds)}</td>
        <td>{Figures.Bytes(round.BytesDown)}</td><td>{Figures.Bytes(round.BytesUp)}</td>
        <td>{OfFp32(run, round.BytesDown, round.BytesUp)}</td></tr>
        """);

    // What went to the sites after the last round, to be evaluated there.
    private static Html LastEvaluation(RunSummary run)
    {
        long down = run.BytesDown - run.Rounds.Sum(round => round.BytesDown);
        long up = run.BytesUp - run.Rounds.Sum(round => round.BytesUp);
        return down + up <= 0 ? default : Html.From($"""
            <tr><th scope="row">Last evaluation</th><td></td><td></td><td></td><td></td>{Epsilon(run, null)}<td></td><td></td><td></td><td></td>
            <td>{Figures.Bytes(down)}</td><td>{Figures.Bytes(up)}</td><td>{OfFp32(run, down, up)}</td></tr>
            """);
    }

    private static Html Foot(RunSummary run) => Html.From($"""
        <tfoot><tr><th scope="row">The run</th><td>{Figures.Count(run.Sites.Count)}</td><td>{Figures.Loss(run.FinalLoss)}</td>
        <td>{Figures.Change(run.InitialLoss, run.FinalLoss)}</td><td></td>{Epsilon(run, run.Privacy?.Epsilon)}
        <td>{Figures.Seconds(run.Seconds)}</td><td>{Figures.Seconds(run.Rounds.Sum(round => round.EncodeSeconds))}</td>
        <td></td><td>{Figures.Seconds(run.Rounds.Sum(round => round.MergeSeconds))}</td>
        <td>{Figures.Bytes(run.BytesDown)}</td><td>{Figures.Bytes(run.BytesUp)}</td>
        <td>{OfFp32(run, run.BytesDown, run.BytesUp)}</td></tr></tfoot>
        """);

    private static Html Epsilon(RunSummary run, double? epsilon) =>
        run.Privacy is null ? default : Html.From($"<td>{(epsilon is { } spent ? Figures.Epsilon(spent) : string.Empty)}</td>");

    private static Html Best(RunSummary run, int round) =>
        run.BestRound == round ? new Html(" <span class=\"tag best\">best</span>") : default;

    // The mean of the sites, weighted as their updates are.
    private static double? TrainLoss(RoundSummary round)
    {
        SiteRoundSummary[] told = [.. round.Sites.Where(site => site.TrainLoss is not null)];
        double weight = told.Sum(site => (double)site.Samples);
        return weight > 0 ? told.Sum(site => site.TrainLoss!.Value * site.Samples) / weight : null;
    }

    private static string SlowestTraining(RoundSummary round) =>
        round.Sites.Count == 0 ? Figures.None : Figures.Seconds(round.Sites.Max(site => site.TrainSeconds));

    // The size in fp32 is known for the run; a direction has one precision throughout, so a round's part of it is in proportion.
    private static string OfFp32(RunSummary run, long down, long up)
    {
        double fp32 = Fp32(down, run.BytesDown, run.Fp32BytesDown) + Fp32(up, run.BytesUp, run.Fp32BytesUp);
        return fp32 > 0 ? Figures.Percent((down + up) / fp32) : Figures.None;
    }

    private static double Fp32(long bytes, long bytesOfRun, long fp32OfRun) =>
        bytesOfRun > 0 ? bytes / (double)bytesOfRun * fp32OfRun : 0;
}
