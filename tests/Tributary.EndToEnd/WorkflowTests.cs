using Tributary.Federation.Jobs;
using Tributary.Federation.Workflows;
using Tributary.Simulation;
using Tributary.Simulation.Reports;
using Tributary.TestKit;

namespace Tributary.EndToEnd;

/// <summary>Every workflow on the quickstart's job, model and records, with the trainer inside: what a user gets who changes that one line.</summary>
public sealed class WorkflowTests : IDisposable
{
    private static readonly string Folder = Path.Combine(Repository.Root, "samples", "quickstart");

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("{ name: fedbuff, buffer: 2 }")]
    [InlineData("cyclic")]
    [InlineData("scaffold")]
    public async Task The_quickstart_learns_under_every_workflow(string workflow)
    {
        RunSummary run = await RunAsync(workflow);
        run.FinalLoss!.Value.ShouldBeLessThan(run.InitialLoss!.Value - 0.5);
        run.Rounds.Count.ShouldBe(2);
        run.Sites.Select(site => site.Name).ShouldBe(["bank", "clinic", "workshop"]);
        run.Sites.ShouldAllBe(site => site.TrainRecords > 0);
        File.Exists(run.Paths.Report).ShouldBeTrue();
    }

    [Fact]
    public async Task Cross_site_evaluation_gives_a_matrix_in_which_each_site_does_best_on_its_own_records()
    {
        RunSummary run = await RunAsync("cross_site_evaluation");
        run.CrossSite.Select(row => row.Model).ShouldBe(["bank", "clinic", "workshop"]);
        foreach (string site in run.Sites.Select(site => site.Name))
        {
            run.CrossSite.MinBy(row => row.Losses[site])!.Model.ShouldBe(site);
        }
    }

    [Fact]
    public async Task Scaffold_with_one_site_is_fedavg_since_there_is_no_other_whose_pull_would_differ()
    {
        // In fp32, so that the control variate is the site's own to the last bits.
        RunSummary scaffold = await RunAsync("scaffold", OneSite);
        RunSummary fedavg = await RunAsync("fedavg", OneSite);
        scaffold.Rounds.Zip(fedavg.Rounds).ShouldAllBe(pair => Math.Abs(pair.First.GlobalLoss!.Value - pair.Second.GlobalLoss!.Value) < 1e-4);
        scaffold.BytesUp.ShouldBeInRange(19 * fedavg.BytesUp / 10, 21 * fedavg.BytesUp / 10);
    }

    [Fact]
    public async Task Evaluation_alone_measures_the_model_and_leaves_it_as_it_is()
    {
        RunSummary run = await RunAsync("evaluate");
        run.Rounds.ShouldBeEmpty();
        run.FinalLoss.ShouldBe(run.InitialLoss);
        run.InitialLoss!.Value.ShouldBeInRange(4, 6);
    }

    private static bool OneSite(string line) => !line.StartsWith("  bank", StringComparison.Ordinal) && !line.StartsWith("    data: data/bank", StringComparison.Ordinal)
        && !line.StartsWith("  workshop", StringComparison.Ordinal) && !line.StartsWith("    data: data/workshop", StringComparison.Ordinal);

    private async Task<RunSummary> RunAsync(string workflow, Func<string, bool>? keeps = null)
    {
        string yaml = await File.ReadAllTextAsync(Path.Combine(Folder, "job.yaml"), TestContext.Current.CancellationToken);
        string[] lines = [.. yaml.Split('\n').Where(keeps ?? (static _ => true)).Select(line => line.Split(':')[0] switch
        {
            "workflow" => $"workflow: {workflow}",
            "rounds" => "rounds: 2",
            "precision" when keeps is not null => "precision: fp32",
            _ => line,
        })];
        var options = new SimulationOptions
        {
            File = JobFile.Parse(string.Join('\n', lines), "job.yaml"),
            ModelFolder = Path.Combine(Folder, "model"),
            DataFolder = Folder,
            OutFolder = _folder[$"run-{workflow.GetHashCode(StringComparison.Ordinal)}"],
        };
        using FederationSimulation simulation = FederationSimulation.Prepare(options, TimeProvider.System);
        return await simulation.RunAsync(static _ => { }, TestContext.Current.CancellationToken);
    }
}
