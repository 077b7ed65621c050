using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using Tributary.Configuration;
using Tributary.Federation.Jobs;
using Tributary.Federation.Rounds;
using Tributary.Federation.Workflows;
using Tributary.Simulation.Experiments;
using Tributary.Simulation.Reports;
using Tributary.Tensors;

namespace Tributary.Simulation.Convergence;

/// <summary>
/// Runs a job in many settings with several seeds, through the code of a deployment, and compares where they get. What has run is kept in the output folder, so
/// that an experiment that was cut short goes on.
/// </summary>
/// <param name="spec">What to run.</param>
/// <param name="options">Where.</param>
/// <param name="time">The clock.</param>
public sealed class ConvergenceBenchmark(ConvergenceSpec spec, ConvergenceOptions options, TimeProvider time)
{
    // So that what a job file may say one day and does not say yet leaves what has run as it is.
    private static readonly JsonSerializerOptions Sparse = new() { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    /// <summary>Runs what has not run yet.</summary>
    /// <param name="report">Told how far it has come, from several threads.</param>
    /// <param name="cancellationToken">Ends the work; it can be gone on with later.</param>
    /// <exception cref="UsageException">Model, data or output folder cannot be used.</exception>
    /// <exception cref="JobFailedException">A job cannot go on.</exception>
    public async Task<ConvergenceReport> RunAsync(Action<ExperimentProgress> report, CancellationToken cancellationToken)
    {
        (ConvergenceSetting Setting, ulong Seed)[] all = [.. spec.Seeds.SelectMany(seed => spec.Settings.Select(setting => (setting, seed)))];
        var runs = new ConvergenceRun[all.Length];
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = options.Parallel, CancellationToken = cancellationToken };
        DateTimeOffset started = time.GetUtcNow();
        UsageException.Require(Directory.Exists(options.ModelFolder), $"{options.ModelFolder}: there is no such folder of a model");
        string contents = await DigestAsync(
            [.. Directory.EnumerateFiles(options.ModelFolder), .. spec.Settings.SelectMany(setting => setting.File.Sites).SelectMany(DataOf)], cancellationToken);

        // Seed after seed, so that one that was cut short has whole pairs.
        await Parallel.ForAsync(0, all.Length, parallel, async (place, token) =>
            runs[place] = await RunAsync(all[place].Setting, all[place].Seed, contents, (doing, seconds) => report(
                new ExperimentProgress(place + 1, all.Length, $"{all[place].Setting.Name}, seed {all[place].Seed}{doing}", string.Empty, 0, seconds)), token));
        return ConvergenceReport.Of(spec, runs, Path.GetFileName(Path.TrimEndingDirectorySeparator(options.ModelFolder)), started);
    }

    private async Task<ConvergenceRun> RunAsync(ConvergenceSetting setting, ulong seed, string contents, Action<string, double?> report, CancellationToken cancellationToken)
    {
        string name = string.Concat(setting.Name.Select(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' ? c : '_'));
        string folder = Path.Combine(options.OutFolder, "runs", $"{name}-{seed}");
        JobFile file = setting.File with { Job = setting.File.Job with { Seed = seed } };
        string result = folder + ".json";

        // Of the records as they are before they are pooled, and of what is in the files: figures of other ones are not kept.
        var asked = new { setting.Name, setting.IsPooled, setting.IsCentral, file.Job, file.Sites, contents };
        string identity = JsonSerializer.Serialize(asked, Sparse);
        if (setting.IsPooled)
        {
            file = PooledRecords.Pool(file, options.DataFolder, options.OutFolder);
        }

        if (File.Exists(result) && JsonSerializer.Deserialize<Kept>(File.ReadAllText(result)) is { } kept && kept.Identity == identity)
        {
            report(" (kept from before)", kept.Run.Seconds);
            return kept.Run;
        }

        long start = Stopwatch.GetTimestamp();
        ConvergenceRun run = setting.IsCentral
            ? await RunCentralAsync(setting, file, folder, report, cancellationToken)
            : await RunFederatedAsync(setting, file, folder, report, cancellationToken);
        run = run with { Seconds = Stopwatch.GetElapsedTime(start).TotalSeconds };
        DurableFile.WriteText(result, JsonSerializer.Serialize(new Kept(identity, run)));
        Directory.Delete(folder, recursive: true);
        report(string.Empty, run.Seconds);
        return run;
    }

    private async Task<ConvergenceRun> RunFederatedAsync(ConvergenceSetting setting, JobFile file, string folder, Action<string, double?> report, CancellationToken cancellationToken)
    {
        var simulated = new SimulationOptions
        {
            File = file,
            ModelFolder = options.ModelFolder,
            DataFolder = setting.IsPooled ? options.OutFolder : options.DataFolder,
            OutFolder = folder,
            Parallel = Math.Max(1, Environment.ProcessorCount / options.Parallel),
        };
        using FederationSimulation simulation = FederationSimulation.Prepare(simulated, time);
        RunSummary summary = await simulation.RunAsync(
            happened =>
            {
                if (happened is LossKnown known)
                {
                    report(Doing(known.Round, file.Job.Rounds, known.Loss), null);
                }
            },
            cancellationToken);
        double[] losses = [summary.InitialLoss ?? double.PositiveInfinity, .. summary.Rounds.Select(round => round.GlobalLoss ?? double.PositiveInfinity)];
        return new ConvergenceRun(
            setting.Name, file.Job.Seed, losses, summary.BytesDown + summary.BytesUp - summary.HeaderBytes, summary.HeaderBytes, summary.Fp32BytesDown + summary.Fp32BytesUp, summary.Seconds);
    }

    private async Task<ConvergenceRun> RunCentralAsync(ConvergenceSetting setting, JobFile file, string folder, Action<string, double?> report, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(folder);
        int threads = Math.Max(1, Environment.ProcessorCount / options.Parallel);
        IReadOnlyList<double> losses = await CentralTraining.RunAsync(
            file, options.ModelFolder, options.OutFolder, folder, threads, (round, loss) => report(Doing(round, file.Job.Rounds, loss), null), cancellationToken);
        return new ConvergenceRun(setting.Name, file.Job.Seed, losses, 0, 0, 0, 0);
    }

    private IEnumerable<string> DataOf(JobFileSite site) => new[] { site.Data, site.HeldOut }.OfType<string>().Select(file => Path.Combine(options.DataFolder, file));

    /// <summary>The digest of what is in files, in the order of their paths. One that is not there is said by the job that wants it.</summary>
    private static async Task<string> DigestAsync(IEnumerable<string> paths, CancellationToken cancellationToken)
    {
        using var all = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string path in paths.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).Where(File.Exists))
        {
            await using FileStream file = File.OpenRead(path);
            all.AppendData(await SHA256.HashDataAsync(file, cancellationToken));
        }

        return Convert.ToHexStringLower(all.GetHashAndReset());
    }

    private static string Doing(int round, int rounds, double loss) => FormattableString.Invariant($": round {round} of {rounds}, loss {loss:F4}");

    private sealed record Kept(string Identity, ConvergenceRun Run);
}

/// <summary>Where an experiment finds its model and data, and puts what comes out.</summary>
public sealed record ConvergenceOptions
{
    /// <summary>The model's checkpoint folder.</summary>
    public required string ModelFolder { get; init; }

    /// <summary>The folder that the sites' data paths are relative to.</summary>
    public required string DataFolder { get; init; }

    /// <summary>The folder of everything that comes out.</summary>
    public required string OutFolder { get; init; }

    /// <summary>How many jobs run at once, at least 1; they share the cores.</summary>
    public int Parallel { get; init; } = 1;
}
