using System.Globalization;

namespace Tributary.Simulation.Reports;

/// <summary>What the run was (the facts) and what came of it (the cards).</summary>
internal static class ReportHeader
{
    private const int SitesNamedMax = 6;

    public static Html Facts(RunSummary run)
    {
        ModelSummary model = run.Model;
        string size = $"{Figures.Count(model.Parameters)} parameters in {Figures.Plural(model.Tensors, "tensor")}, "
            + $"{Figures.Bytes(model.Fp32Bytes)} in fp32"
            + (run.Base is { } frozen ? $", beside {Figures.Count(frozen.Parameters)} that stay as they are" : "");
        string date = run.Started.ToString("d MMMM yyyy, HH:mm zzz", CultureInfo.InvariantCulture);
        return Html.Join([
            Wide("Model", Html.From($"<b>{model.Name}</b> <span>{size}</span>")),
            Wide("Sites", SiteNames(run)),
            Fact("Precision", Html.From($"<b>{run.TaskPrecision}</b> to sites, <b>{run.ResultPrecision}</b> to server")),
            Fact("Exchange", Html.From($"{run.Exchange}")),
            Fact("Streaming", Html.From($"{run.Streaming}")),
            Fact("Workflow", Html.From($"{run.Workflow}, {Figures.Plural(run.Rounds.Count, "round")}")),
            run.SecureAggregation ? Fact("Secure aggregation", Html.From($"the server learnt sums alone")) : default,
            run.Privacy is { } privacy ? Wide("Privacy", Guarantee(privacy)) : default,
            run.EndedEarly is { } reason ? Wide("Ended early", Html.From($"{reason}")) : default,
            Fact("Seed", Html.From($"{run.Seed}")),
            Fact("Started", Html.From($"<time datetime=\"{run.Started:yyyy-MM-ddTHH:mm:sszzz}\">{date}</time>")),
            Fact("Total time", Html.From($"{Figures.Seconds(run.Seconds)}")),
            Fact("Tributary", Html.From($"{run.Version}")),
        ]);
    }

    public static Html Cards(RunSummary run) => Html.Join([
        run.FinalLoss is null
            ? Card("Held-out loss", Figures.None, "stays at the sites")
            : Card("Held-out loss", $"{Figures.Loss(run.InitialLoss)} → {Figures.Loss(run.FinalLoss)}", LossNote(run)),
        Card(
            "Best model",
            run.BestLoss is null ? "Last" : run.BestRound == 0 ? "Initial" : $"Round {run.BestRound}",
            run.BestLoss is null ? "no loss is known" : run.BestRound == 0 ? "no round lowered the held-out loss" : $"held-out loss {Figures.Loss(run.BestLoss)}"),
        run.Privacy is { } privacy ? Card("Privacy spent", $"ε {Figures.Epsilon(privacy.Epsilon)}", PrivacyNote(privacy)) : default,
        Card("Bytes sent", BytesFigure(run), BytesNote(run)),
        Card("Peak memory", Figures.Bytes(run.PeakRssBytes), $"server and {Figures.Plural(run.Sites.Count, "site")} in one process"),
        Card("Time", Figures.Seconds(run.Seconds), TimeNote(run)),
    ]);

    private static Html Fact(string name, Html value) => Html.From($"<div><dt>{name}</dt><dd>{value}</dd></div>");

    private static Html Wide(string name, Html value) => Html.From($"<div class=\"wide\"><dt>{name}</dt><dd>{value}</dd></div>");

    private static Html Card(string name, string figure, string note) =>
        Html.From($"<div><dt>{name}</dt><dd class=\"figure\">{figure}</dd><dd class=\"note\">{note}</dd></div>");

    private static Html SiteNames(RunSummary run)
    {
        string names = run.Sites.Count <= SitesNamedMax ? ": " + string.Join(", ", run.Sites.Select(site => site.Name)) : "";
        return Html.From($"{Figures.Count(run.Sites.Count)}<span>{names}</span>");
    }

    private static string LossNote(RunSummary run)
    {
        string share = run is { InitialLoss: > 0 and var from, FinalLoss: { } to } ? $" ({Figures.PercentChange((to - from) / from)})" : "";
        return $"{Figures.Change(run.InitialLoss, run.FinalLoss)}{share}";
    }

    private static Html Guarantee(PrivacySummary privacy)
    {
        string noise = $"each {privacy.Unit}'s part is clipped to {privacy.Clip} and hidden by Gaussian noise of {privacy.NoiseMultiplier:0.####} times that, which {(privacy.NoiseAt == "sites" ? "its site adds" : "the server adds")}"
            + (privacy.SamplingRate is { } rate ? $"; a step sees each record with a probability of {rate:0.####}" : "");
        string figures = privacy.FiguresWithheld ? "losses and counts stay at the sites" : "the losses here are told outside of this guarantee";
        return Html.From($"<b>ε {Figures.Epsilon(privacy.Epsilon)}, δ {privacy.Delta:0.##e-0}</b> for a {privacy.Unit} <span>{noise}; {figures}</span>");
    }

    private static string PrivacyNote(PrivacySummary privacy) => privacy.Budget is { } budget
        ? $"of a budget of {Figures.Epsilon(budget)}, at δ {privacy.Delta:0.##e-0}, for each {privacy.Unit}"
        : $"at δ {privacy.Delta:0.##e-0}, for each {privacy.Unit}; no budget was set";

    private static string BytesFigure(RunSummary run)
    {
        long fp32 = run.Fp32BytesDown + run.Fp32BytesUp;
        long sent = run.BytesDown + run.BytesUp;
        return fp32 > 0 ? $"{Figures.Percent(sent / (double)fp32)} of fp32" : Figures.Bytes(sent);
    }

    private static string BytesNote(RunSummary run)
    {
        long sent = run.BytesDown + run.BytesUp;
        long saved = run.Fp32BytesDown + run.Fp32BytesUp - sent;
        return saved >= 0
            ? $"{Figures.Bytes(sent)} sent, {Figures.Bytes(saved)} saved"
            : $"{Figures.Bytes(sent)} sent, {Figures.Bytes(-saved)} more than the values alone";
    }

    private static string TimeNote(RunSummary run) =>
        run.Rounds.Count == 0 ? "no round" : $"{Figures.Seconds(run.Rounds.Average(round => round.Seconds))} a round on average";
}
