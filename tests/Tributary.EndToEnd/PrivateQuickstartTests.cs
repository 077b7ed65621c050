using System.Security.Cryptography;
using Tributary.Federation.Jobs;
using Tributary.Simulation;
using Tributary.Simulation.Reports;
using Tributary.TestKit;

namespace Tributary.EndToEnd;

/// <summary>The sample with differential privacy and secure aggregation, each alone and together, with the trainer inside: what a user gets who turns either on.</summary>
public sealed class PrivateQuickstartTests : IDisposable
{
    private static readonly string Sample = Path.Combine(Repository.Root, "samples", "private", "job.yaml");

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task It_learns_with_both_and_the_report_says_what_each_round_has_spent()
    {
        RunSummary run = await RunAsync("both", static line => line);
        run.FinalLoss!.Value.ShouldBeLessThan(run.InitialLoss!.Value - 0.5);
        run.SecureAggregation.ShouldBeTrue();
        run.ResultPrecision.ShouldBe("ring of 16 bits");
        double[] epsilons = [.. run.Rounds.Select(round => round.Epsilon!.Value)];
        epsilons.ShouldBe(epsilons.Order());
        run.Privacy!.Epsilon.ShouldBe(epsilons[^1]);
        string report = await File.ReadAllTextAsync(run.Paths.Report, TestContext.Current.CancellationToken);
        report.ShouldContain("Epsilon so far");
        epsilons.ShouldAllBe(epsilon => report.Contains($"<td>{epsilon.ToString("0.###", System.Globalization.CultureInfo.InvariantCulture)}</td>"));
        report.ShouldContain("for a record");
        report.ShouldContain("the server learnt sums alone");
    }

    [Fact]
    public async Task Secure_aggregation_alone_costs_no_loss_and_gives_the_same_model_as_bare_sums()
    {
        RunSummary masked = await RunAsync("masked", WithoutPrivacy);
        RunSummary bare = await RunAsync("bare", line => line.StartsWith("secure_aggregation:", StringComparison.Ordinal) ? string.Empty : WithoutPrivacy(line));
        masked.FinalLoss!.Value.ShouldBeLessThan(2);
        (await DigestAsync(masked)).ShouldBe(await DigestAsync(bare));
    }

    [Fact]
    public async Task Differential_privacy_alone_runs_exactly_the_rounds_of_its_budget_and_says_why_it_stops()
    {
        // After two rounds 4.52 are spent, after three 5.25.
        RunSummary run = await RunAsync("budget", line => line.StartsWith("secure_aggregation:", StringComparison.Ordinal) || line.StartsWith("precision:", StringComparison.Ordinal) ? string.Empty
            : line.StartsWith("rounds:", StringComparison.Ordinal) ? "rounds: 6"
            : line.StartsWith("  epsilon:", StringComparison.Ordinal) ? "  epsilon: 5"
            : line);
        run.Rounds.Count.ShouldBe(2);
        run.EndedEarly!.ShouldStartWith("the privacy budget allows 2 of 6 rounds: epsilon is 4.522 after them and would be 5.248 with one more");
        run.FinalLoss!.Value.ShouldBeLessThan(run.InitialLoss!.Value - 0.3);
        (await File.ReadAllTextAsync(run.Paths.Report, TestContext.Current.CancellationToken)).ShouldContain("the privacy budget allows 2 of 6 rounds");
    }

    [Fact]
    public async Task Withheld_figures_are_in_no_file_that_the_run_leaves()
    {
        RunSummary run = await RunAsync("withheld", static line => line.StartsWith("  figures:", StringComparison.Ordinal) ? "  figures: withheld" : line);
        run.FinalLoss.ShouldBeNull();
        run.Sites.ShouldAllBe(site => site.TrainRecords == 0);
        string metrics = await File.ReadAllTextAsync(run.Paths.Metrics, TestContext.Current.CancellationToken);
        metrics.ShouldNotContain("loss");
        metrics.ShouldNotContain("tokens");
        (await File.ReadAllTextAsync(run.Paths.Report, TestContext.Current.CancellationToken)).ShouldContain("stays at the sites");
    }

    private static string WithoutPrivacy(string line) =>
        line.StartsWith("privacy:", StringComparison.Ordinal) || Keys.Any(key => line.StartsWith($"  {key}:", StringComparison.Ordinal)) ? string.Empty : line;

    private static readonly string[] Keys = ["unit", "clip", "noise_multiplier", "sampling_rate", "epsilon", "delta", "figures"];

    private static async Task<string> DigestAsync(RunSummary run) =>
        Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(Path.Combine(run.Paths.Model, "model.safetensors"), TestContext.Current.CancellationToken)));

    private async Task<RunSummary> RunAsync(string name, Func<string, string> change)
    {
        string yaml = await File.ReadAllTextAsync(Sample, TestContext.Current.CancellationToken);
        string[] lines = [.. yaml.Split('\n').Select(line => change(line.StartsWith("rounds:", StringComparison.Ordinal) ? "rounds: 2" : line))];
        var options = new SimulationOptions
        {
            File = JobFile.Parse(string.Join('\n', lines), "job.yaml"),
            ModelFolder = Path.Combine(Path.GetDirectoryName(Sample)!, "../quickstart/model"),
            DataFolder = Path.GetDirectoryName(Sample)!,
            OutFolder = _folder[name],
        };
        using FederationSimulation simulation = FederationSimulation.Prepare(options, TimeProvider.System);
        return await simulation.RunAsync(static _ => { }, TestContext.Current.CancellationToken);
    }
}
