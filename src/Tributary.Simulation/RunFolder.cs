using Tributary.Simulation.Reports;
using Tributary.Tensors;
using Tributary.Training;

namespace Tributary.Simulation;

/// <summary>The folder of a run: what comes out of it, and until it has ended the state that it can go on from.</summary>
internal sealed class RunFolder
{
    private readonly string _root;

    public RunFolder(string root)
    {
        _root = Path.GetFullPath(root);
        Directory.CreateDirectory(_root);
    }

    public string Report => Path.Combine(_root, "report.html");

    public string Metrics => Path.Combine(_root, "metrics.jsonl");

    /// <summary>The curves of the run, for TensorBoard.</summary>
    public string TensorBoard => Path.Combine(_root, "tensorboard");

    public string Model => Path.Combine(_root, "model");

    public string BestModel => Path.Combine(_root, "best");

    /// <summary>The weights of the adapters that a run starts from, in a folder of PEFT's layout.</summary>
    public string InitialAdapters => Path.Combine(_root, "state", "adapters", PeftAdapter.WeightsName);

    public string Server => Path.Combine(_root, "state", "server");

    public string Site(string name) => Path.Combine(_root, "state", "sites", name);

    /// <summary>What records virtual sites have.</summary>
    public string Sites => Path.Combine(_root, "sites.json");

    /// <summary>What a site's trainer writes on stderr.</summary>
    public static string TrainerLog(string root, string site) => Path.Combine(root, "logs", site + ".log");

    /// <summary>Where the trainer of a site puts its models and keeps what it needs later; gone with the state.</summary>
    public static string TrainerWork(string root, string site) => Path.Combine(root, "state", "trainers", site);

    /// <summary>The records of a virtual site for a program that reads a file; gone with the state.</summary>
    public static string TrainerRecords(string root, string site) => Path.Combine(root, "state", "records", site + ".jsonl");

    /// <summary>
    /// Whether a run may use a folder: it is new, or holds the same run (same job, model and data), cut short. Otherwise says why not.
    /// </summary>
    public static string? Refuse(string root, string run)
    {
        if (File.Exists(Summary(root)))
        {
            return $"{root}: holds the results of a finished run; give another --out, or remove it";
        }

        if (File.Exists(State(root)))
        {
            return File.ReadAllText(State(root)) == run
                ? null
                : $"{root}: holds a run with other settings, model or data that was cut short; give another --out, or remove it";
        }

        // Results replace what has their names, so a folder of somebody else's files is never taken.
        return Directory.Exists(root) && Directory.EnumerateFileSystemEntries(root).Any()
            ? $"{root}: holds files that are not a run's; give a new folder with --out"
            : null;
    }

    /// <summary>Notes what is run here, so that it can be gone on with.</summary>
    public void Begin(string run)
    {
        Directory.CreateDirectory(Server);
        DurableFile.WriteText(State(_root), run);
    }

    /// <summary>Writes a folder that is there under its final name only when it is whole.</summary>
    public static void Export(string target, Action<string> write)
    {
        string partial = target + ".partial";
        if (Directory.Exists(partial))
        {
            Directory.Delete(partial, recursive: true);
        }

        Directory.CreateDirectory(partial);
        write(partial);
        if (Directory.Exists(target))
        {
            Directory.Delete(target, recursive: true);
        }

        Directory.Move(partial, target);
    }

    /// <summary>Writes the summary, by which the run is finished, and removes the state it no longer needs.</summary>
    public void Finish(RunSummary summary)
    {
        DurableFile.WriteText(Summary(_root), RunSummaryJson.Write(summary));
        Directory.Delete(Path.Combine(_root, "state"), recursive: true);
    }

    private static string State(string root) => Path.Combine(root, "state", "run.json");

    private static string Summary(string root) => Path.Combine(root, "summary.json");
}
