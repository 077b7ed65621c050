using Tributary.Simulation.Reports;

namespace Tributary.Simulation.Tests.Reports;

/// <summary>A run as it could have been: losses fall and flatten, local models overfit a little, one site is slow. Seeded.</summary>
public sealed class SampleRun
{
    private readonly Random _random = new(7);

    public string Job { get; init; } = "three-sites-nf4";

    public string ModelName { get; init; } = "stories260K";

    public long Parameters { get; init; } = 260_032;

    public string Folder { get; init; } = "/home/ada/runs/three-sites-nf4";

    public int Rounds { get; init; } = 6;

    public IReadOnlyList<string> SiteNames { get; init; } = ["dolly", "gsm8k", "self-instruct"];

    /// <summary>Sites that sit out a round: (round, site's place in the list).</summary>
    public Func<int, int, bool> SitsOut { get; init; } = (_, _) => false;

    private long Fp32Message => 4 * Parameters + 6_000;

    private long Message => (long)(0.1406 * 4 * Parameters) + 9_500;

    public RunSummary Create()
    {
        RoundSummary[] rounds = [.. Enumerable.Range(1, Rounds).Select(Round)];
        RoundSummary? best = rounds.MinBy(round => round.GlobalLoss);
        long messages = rounds.Sum(round => round.Sites.Count);
        return new RunSummary
        {
            Job = Job,
            Workflow = "fedavg",
            TaskPrecision = "nf4",
            ResultPrecision = "nf4",
            Exchange = "delta",
            Streaming = "file",
            Seed = 20_251_116,
            Started = new DateTimeOffset(2026, 3, 14, 9, 26, 53, TimeSpan.FromHours(1)),
            Version = "0.1.0",
            Model = new ModelSummary(ModelName, 48, Parameters, 4 * Parameters),
            Sites = [.. SiteNames.Select((name, at) => new SiteSummary(name, 120 + 37 * at, 16 + at, at % 3 == 0 ? 41 : 0))],
            InitialLoss = GlobalLoss(0),
            FinalLoss = rounds.Length == 0 ? GlobalLoss(0) : rounds[^1].GlobalLoss!.Value,
            BestLoss = best?.GlobalLoss ?? GlobalLoss(0),
            BestRound = best?.Round ?? 0,
            Rounds = rounds,
            BytesDown = (messages + SiteNames.Count) * Message,
            BytesUp = messages * Message,
            Fp32BytesDown = (messages + SiteNames.Count) * Fp32Message,
            Fp32BytesUp = messages * Fp32Message,
            PeakRssBytes = 214_892_544,
            Seconds = rounds.Sum(round => round.Seconds) + 3.2,
            Paths = new RunPaths($"{Folder}/report.html", $"{Folder}/metrics.jsonl", $"{Folder}/model", $"{Folder}/best"),
        };
    }

    // Falls from 3.9 towards 2.7; the last of many rounds rise a little, so that the best is not the last.
    private static double GlobalLoss(int round) => 2.7 + 1.2 * Math.Exp(-round / 2.5) + (round > 4 ? 0.012 * Math.Sqrt(round - 4) : 0);

    private double Near(double value, double share) => value * (1 + share * (2 * _random.NextDouble() - 1));

    private RoundSummary Round(int round)
    {
        SiteRoundSummary[] sites = [.. SiteNames.Select((name, at) => (name, at)).Where(site => !SitsOut(round, site.at))
            .Select(site => SiteRound(round, site.name, site.at))];
        double slowest = sites.Select(site => site.DownloadSeconds + site.TrainSeconds + site.EvaluateSeconds + site.UploadSeconds)
            .DefaultIfEmpty().Max();
        return new RoundSummary(
            round, GlobalLoss(round), Near(slowest + 0.9, 0.02), Near(0.21, 0.1), Near(0.34, 0.1),
            sites.Length * Message, sites.Length * Message, sites);
    }

    private SiteRoundSummary SiteRound(int round, string name, int at)
    {
        double offset = 0.18 * (at % 5 - 1);
        double trained = GlobalLoss(round) + offset;
        double received = GlobalLoss(round - 1) + offset;
        return new SiteRoundSummary(
            name, Near(received, 0.008), Near(trained - 0.12 - 0.01 * round, 0.01), Near(trained + 0.05, 0.012),
            120 + 37 * at, 30_000 + 4_500L * at, Message, Message,
            Near(0.4, 0.2), Near(7.5 + 1.9 * (at % 4), 0.06), Near(1.6, 0.1), Near(0.6, 0.2));
    }
}
