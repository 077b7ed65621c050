namespace Tributary.Simulation.Reports;

/// <summary>What a chart shows, in a sentence, for readers who cannot see it.</summary>
internal static class ChartLabels
{
    public static string Loss(RunSummary run) => run.FinalLoss is null ? "Line chart of the held-out loss, which the sites withhold: there is nothing in it." :
        $"Line chart of the held-out loss over {Rounds(run)}. The global model goes from {Figures.Loss(run.InitialLoss)} to "
        + $"{Figures.Loss(run.FinalLoss)}; its lowest is {Figures.Loss(run.BestLoss)}, after round {run.BestRound}. "
        + "The table of rounds has the figures.";

    public static string Training(RunSummary run) =>
        $"Line chart of the training loss of {Figures.Plural(run.Sites.Count, "site")} over {Rounds(run)}. "
        + "The table of sites has the first and the last figure of each.";

    public static string Bytes(RunSummary run) =>
        $"Bar chart of the bytes of each round, beside their size in fp32. To the sites {Figures.Bytes(run.BytesDown)} instead of "
        + $"{Figures.Bytes(run.Fp32BytesDown)}, to the server {Figures.Bytes(run.BytesUp)} instead of {Figures.Bytes(run.Fp32BytesUp)}. "
        + "The table of rounds has the figures.";

    public static string Time(RunSummary run) =>
        $"Stacked bar chart of the time of {Rounds(run)} by phase: encode, download, train, evaluate, upload and merge; "
        + $"{Figures.Seconds(run.Seconds)} in all. The table of rounds has the figures.";

    private static string Rounds(RunSummary run) => Figures.Plural(run.Rounds.Count, "round");
}
