namespace Tributary.Server.Storage;

/// <summary>Where a job's files lie: models, messages to the sites, and the spool of what came back.</summary>
public sealed class JobFolder
{
    /// <summary>Makes the job's folders below the server's.</summary>
    public JobFolder(string serverFolder, string job)
    {
        Root = Path.Combine(serverFolder, "jobs", job);
        Directory.CreateDirectory(Path.Combine(Root, "models"));
        Directory.CreateDirectory(Path.Combine(Root, "messages"));
        Directory.CreateDirectory(Path.Combine(Root, "spool"));
        Directory.CreateDirectory(Path.Combine(Root, "kept"));
    }

    /// <summary>The folder of all that is the job's.</summary>
    public string Root { get; }

    /// <summary>The server's own privacy ledger of the job.</summary>
    public string Privacy => Path.Combine(Root, "privacy");

    /// <summary>The job's curves, for TensorBoard.</summary>
    public string TensorBoard => Path.Combine(Root, "tensorboard");

    /// <summary>A round's global model.</summary>
    public string Model(int round) => Path.Combine(Root, "models", Name($"round-{round:D5}"));

    /// <summary>The model that every site holds once it has a step's message.</summary>
    public string Shadow(int round, int step) => Path.Combine(Root, "models", Name($"shadow-{round:D5}-{step}"));

    /// <summary>The message of a step.</summary>
    public string Message(int round, int step) => Path.Combine(Root, "messages", Name($"round-{round:D5}-{step}"));

    /// <summary>What a site sent in a step.</summary>
    public string Spool(int round, int step, string site) => Path.Combine(Root, "spool", Name($"round-{round:D5}-{step}-{site}"));

    /// <summary>What a workflow keeps beside a round's model.</summary>
    public string Kept(int round, string name) => Path.Combine(Root, "kept", Name($"round-{round:D5}-{name}"));

    /// <summary>How the paths begin of what sites sent in a step.</summary>
    public string Spool(int round, int step) => Path.Combine(Root, "spool", $"round-{round:D5}-{step}-");

    /// <summary>Removes the job's folders with all that is in them.</summary>
    public void Delete() => Directory.Delete(Root, recursive: true);

    /// <summary>Removes what sites sent, but for what to keep.</summary>
    public void ClearSpool(Func<string, bool> isKept)
    {
        foreach (string path in Directory.GetFiles(Path.Combine(Root, "spool")).Where(path => !isKept(path)))
        {
            File.Delete(path);
        }
    }

    /// <summary>Removes what was kept beside models of rounds before one.</summary>
    public void ClearKept(int round)
    {
        foreach (string path in Directory.GetFiles(Path.Combine(Root, "kept")).Where(path => string.CompareOrdinal(Path.GetFileName(path), $"round-{round:D5}") < 0))
        {
            File.Delete(path);
        }
    }

    /// <summary>Removes models of earlier rounds, but for those to keep.</summary>
    public void ClearModels(IReadOnlySet<string> keep)
    {
        foreach (string path in Directory.GetFiles(Path.Combine(Root, "models"), "*.safetensors"))
        {
            if (!keep.Contains(path))
            {
                File.Delete(path);
            }
        }
    }

    /// <summary>Removes messages of earlier steps, but for those to keep.</summary>
    public void ClearMessages(IReadOnlyCollection<string> keep)
    {
        foreach (string path in Directory.GetFiles(Path.Combine(Root, "messages"), "*.safetensors").Where(path => !keep.Contains(path)))
        {
            File.Delete(path);
        }
    }

    private static string Name(string name) => name + ".safetensors";
}
