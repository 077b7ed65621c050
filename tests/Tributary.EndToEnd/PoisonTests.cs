using Tributary.Federation.Jobs;
using Tributary.Federation.Tasks;
using Tributary.Simulation;
using Tributary.Simulation.Reports;
using Tributary.Site;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.EndToEnd;

/// <summary>
/// The quickstart's model and records with seven sites, two of which send what would undo the others' work. A user who cannot trust every site
/// takes a robust reducer; docs/WORKFLOWS.md has the losses of this test.
/// </summary>
public sealed class PoisonTests(ITestOutputHelper output) : IDisposable
{
    private const int Sites = 7;

    private const int RecordsEach = 60;

    private static readonly string[] Poisoners = ["site-2", "site-5"];

    private static readonly string Sample = Path.Combine(Repository.Root, "samples", "quickstart");

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("their change turned round and ten times as large", -10f)]
    [InlineData("their change fifty times as large", 50f)]
    public async Task Two_poisoners_of_seven_ruin_the_mean_and_not_the_robust_reducers(string what, float factor)
    {
        DealRecords();
        RunSummary mean = await RunAsync("mean", factor);
        mean.FinalLoss!.Value.ShouldBeGreaterThan(mean.InitialLoss!.Value + 0.1, what);
        foreach (string reducer in new[] { "median", "trimmed_mean, trim: 0.3", "krum, byzantine: 2", "krum, byzantine: 2, keep: 3" })
        {
            RunSummary robust = await RunAsync(reducer, factor);
            robust.FinalLoss!.Value.ShouldBeLessThan(robust.InitialLoss!.Value - 0.1, $"{reducer}: {what}");
        }
    }

    /// <summary>The three businesses' records, dealt to the sites in turn.</summary>
    private void DealRecords()
    {
        string[][] files = [.. new[] { "bank", "clinic", "workshop" }.Select(name => File.ReadAllLines(Path.Combine(Sample, "data", name + ".jsonl")))];
        for (int site = 0; site < Sites; site++)
        {
            int first = site * RecordsEach;
            File.WriteAllLines(_folder[$"site-{site + 1}.jsonl"], Enumerable.Range(first, RecordsEach).Select(i => files[i % files.Length][i / files.Length]));
        }
    }

    private async Task<RunSummary> RunAsync(string reducer, float factor)
    {
        string job = $$"""
            name: poison
            rounds: 2
            held_out: 0.15
            aggregation: { reducer: {{reducer}}, norm_limit: 0 }
            sites:
            {{string.Concat(Enumerable.Range(1, Sites).Select(i => $"  site-{i}: {{ data: site-{i}.jsonl }}\n"))}}
            train: { sequence_length: 192, learning_rate: 0.002 }
            """;
        var file = JobFile.Parse(job, "poison.yaml");
        string folder = _folder[$"{reducer.Replace(":", string.Empty, StringComparison.Ordinal)} {factor}"];
        var options = new SimulationOptions
        {
            File = file,
            ModelFolder = Path.Combine(Sample, "model"),
            DataFolder = _folder.Path,
            OutFolder = folder,
            Executors = site => Poisoners.Contains(site.Name) ? new Poisoner(Trainer(site, file.Job, folder), factor) : Trainer(site, file.Job, folder),
        };
        using var simulation = FederationSimulation.Prepare(options, TimeProvider.System);
        RunSummary summary = await simulation.RunAsync(static _ => { }, TestContext.Current.CancellationToken);
        output.WriteLine($"{reducer}, changes times {factor}: loss {summary.InitialLoss:F3} -> {summary.FinalLoss:F3}");
        return summary;
    }

    private BuiltinTrainer Trainer(JobFileSite site, Job job, string folder) => new(
        new BuiltinTrainerOptions
        {
            Site = site.Name,
            ModelFolder = Path.Combine(Sample, "model"),
            DataPath = _folder[site.Data],
            WorkFolder = Path.Combine(folder, "work", site.Name),
        },
        job);

    /// <summary>Trains as the others do and sends a multiple of the change.</summary>
    private sealed class Poisoner(BuiltinTrainer trainer, float factor) : Executor
    {
        public override async Task<TaskResult> ExecuteAsync(TaskData task, IProgress<TaskProgress> progress, CancellationToken cancellationToken)
        {
            TaskResult result = await trainer.ExecuteAsync(task, progress, cancellationToken);
            return result.Model is null ? result : result with { Model = new MemorySource([.. result.Model.Manifest.Select(entry => Poisoned(entry.Spec, task.Model, result.Model))]) };
        }

        public override void EndTask() => trainer.EndTask();

        protected override void Dispose(bool disposing)
        {
            trainer.Dispose();
            base.Dispose(disposing);
        }

        private (TensorSpec Spec, byte[] Data) Poisoned(TensorSpec spec, TensorSource received, TensorSource trained) => MemorySource.F32(
            spec.Name, [.. spec.Shape], [.. received.ReadFloats(spec.Name).Zip(trained.ReadFloats(spec.Name), (before, after) => before + (factor * (after - before)))]);
    }
}
