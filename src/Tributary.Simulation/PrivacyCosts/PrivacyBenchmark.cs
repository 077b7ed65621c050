using Tributary.Federation.Jobs;
using Tributary.Federation.Tasks;
using Tributary.Simulation.Experiments;
using Tributary.Simulation.Reports;
using Tributary.Tensors;
using Tributary.Tensors.Checkpoints;
using Tributary.Tensors.Safetensors;

namespace Tributary.Simulation.PrivacyCosts;

/// <summary>
/// What privacy costs a round in bytes, time and memory: the same model goes to the same sites and comes back changed, in a precision, in integers of a ring, under masks, with noise, through the code of a deployment in one process.
/// Nobody trains; a site's change lies in a file, as a trainer's process leaves it.
/// </summary>
/// <param name="options">What is measured.</param>
/// <param name="time">The clock.</param>
public sealed class PrivacyBenchmark(PrivacyBenchmarkOptions options, TimeProvider time)
{
    private readonly string _folder = Path.Combine(Path.GetFullPath(options.WorkFolder), $"tributary-privacy-{Environment.ProcessId}");

    private static readonly PrivacySetting[] Settings =
    [
        new("fp32", null, static job => job),
        new("nf4", "fp32", static job => job with { Precision = new JobPrecision("nf4", "nf4") }),
        new("ring 8", "fp32", static job => job with { Precision = Ring(8) }),
        new("ring 8, masked", "ring 8", static job => job with { Precision = Ring(8), SecureAggregation = new JobSecureAggregation() }),
        new("ring 16", "fp32", static job => job with { Precision = Ring(16) }),
        new("ring 16, masked", "ring 16", static job => job with { Precision = Ring(16), SecureAggregation = new JobSecureAggregation() }),
        new("fp32, noise at the server", "fp32", static job => job with { Privacy = Site(NoisePlace.Server) }),
        new("fp32, noise at the sites", "fp32", static job => job with { Privacy = Site(NoisePlace.Site) }),
        new("ring 24, noise at the sites, masked", "ring 16, masked", static job => job with { Precision = Ring(24), SecureAggregation = new JobSecureAggregation(), Privacy = Site(NoisePlace.Site) }),
    ];

    /// <summary>Measures.</summary>
    /// <param name="report">Told how far it has come.</param>
    /// <param name="cancellationToken">Ends it; what was written is removed.</param>
    /// <exception cref="UsageException">Something that was given cannot be used.</exception>
    /// <exception cref="FileNotFoundException">There is no model.</exception>
    public async Task<PrivacyCostReport> RunAsync(Action<ExperimentProgress> report, CancellationToken cancellationToken)
    {
        UsageException.Require(options.Sites >= JobSecureAggregation.MinCohortUsual, $"the number of sites is {options.Sites}, but a secure sum needs {JobSecureAggregation.MinCohortUsual} or more");
        UsageException.Require(options.Rounds >= 1, $"the number of rounds is {options.Rounds}, but should be at least 1");
        UsageException.Require(Directory.Exists(options.WorkFolder), $"{options.WorkFolder}: there is no such folder to work in");
        PrivacySetting[] chosen = options.Settings is null ? Settings : [.. Settings.Where(setting => options.Settings.Contains(setting.Name, StringComparer.Ordinal))];
        UsageException.Require(
            chosen.Length > 0 && (options.Settings?.Count ?? chosen.Length) == chosen.Length, $"the settings are {string.Join("; ", Settings.Select(setting => setting.Name))}");
        Directory.CreateDirectory(_folder);
        try
        {
            using Checkpoint checkpoint = Checkpoint.Open(options.Model);
            long parameters = checkpoint.Manifest.ElementCount;
            string trained = Path.Combine(_folder, "trained.safetensors");
            using (var moved = new CastSource(checkpoint, DType.F32))
            {
                new SafetensorsWriter(new NoisySource(moved, 1)).WriteFile(trained, cancellationToken);
            }

            var costs = new List<PrivacyCost>();
            for (int i = 0; i < chosen.Length; i++)
            {
                report(new ExperimentProgress(i + 1, chosen.Length, chosen[i].Name, string.Empty, 0, null));
                costs.Add(await MeasureAsync(chosen[i], trained, cancellationToken));
                report(new ExperimentProgress(i + 1, chosen.Length, chosen[i].Name, string.Empty, 0, costs[^1].Seconds));
            }

            return new PrivacyCostReport(Path.GetFileName(Path.TrimEndingDirectorySeparator(options.Model)), parameters, options.Sites, options.Rounds, Environment.ProcessorCount, time.GetUtcNow(), costs);
        }
        finally
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    private async Task<PrivacyCost> MeasureAsync(PrivacySetting setting, string trained, CancellationToken cancellationToken)
    {
        string[] sites = [.. Enumerable.Range(1, options.Sites).Select(number => $"site-{number:D3}")];
        Job plain = new()
        {
            Name = "privacy-costs",
            Sites = sites,
            Rounds = options.Rounds,
            Precision = new JobPrecision("fp32", "fp32"),
            Feedback = 0,
            SiteTimeout = TimeSpan.FromMinutes(5),
            Aggregation = new JobAggregation(Weights: UpdateWeights.Uniform, NormLimit: 0),
        };
        string run = Path.Combine(_folder, "run");
        var simulated = new SimulationOptions
        {
            File = new JobFile { Job = setting.Make(plain), Model = null, Sites = [.. sites.Select(site => new JobFileSite(site, "none", null))] },
            ModelFolder = options.Model,
            DataFolder = _folder,
            OutFolder = run,
            Executors = _ => new ChangedModel(trained),
        };
        ProcessMemory.ForgetPeak();
        RunSummary summary;
        using (FederationSimulation simulation = FederationSimulation.Prepare(simulated, time))
        {
            summary = await simulation.RunAsync(static _ => { }, cancellationToken);
        }

        Directory.Delete(run, recursive: true);
        long messages = summary.Rounds.Sum(round => round.Sites.Sum(site => site.BytesUp));
        double each = (double)options.Sites * summary.Rounds.Count;
        double[] seconds = [.. summary.Rounds.Select(round => round.Seconds).Order()];
        return new PrivacyCost(
            setting.Name, setting.Against, messages / each, (summary.Rounds.Sum(round => round.BytesUp) - messages) / each, summary.Model.Fp32Bytes, seconds[seconds.Length / 2], seconds[0], seconds[^1], summary.PeakRssBytes);
    }

    private static JobPrecision Ring(int bits) => new("nf4", JobPrecision.Integers, Ring: new JobRing(bits));

    private static JobPrivacy Site(NoisePlace place) => new() { Unit = PrivacyUnit.Site, Clip = 1, NoiseMultiplier = 1, Noise = place, Figures = PrivateFigures.Told };

    private sealed record PrivacySetting(string Name, string? Against, Func<Job, Job> Make);

    /// <summary>Answers every training with the same file.</summary>
    private sealed class ChangedModel(string path) : Executor
    {
        private SafetensorsFile? _model;

        public override Task<TaskResult> ExecuteAsync(TaskData task, IProgress<TaskProgress> progress, CancellationToken cancellationToken)
        {
            var figures = new Dictionary<string, double>(StringComparer.Ordinal) { [MetricNames.ReceivedLoss] = 1, [MetricNames.HeldOutTokens] = 1 };
            return Task.FromResult(new TaskResult(task.Name == TaskNames.Train ? _model ??= SafetensorsFile.Open(path) : null, 1, figures));
        }

        protected override void Dispose(bool disposing)
        {
            _model?.Dispose();
            base.Dispose(disposing);
        }
    }
}
