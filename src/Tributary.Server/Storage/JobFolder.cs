namespace Tributary.Server.Storage;

/// <summary>Where a job's files lie: models, messages to the sites, and the spool of what came back.</summary>
public sealed class JobFolder
{
    private readonly string _root;

    /// <summary>Makes the job's folders below the server's.</summary>
    public JobFolder(string serverFolder, string job)
    {
        _root = Path.Combine(serverFolder, "jobs", job);
        Directory.CreateDirectory(Path.Combine(_root, "models"));
        Directory.CreateDirectory(Path.Combine(_root, "messages"));
        Directory.CreateDirectory(Path.Combine(_root, "spool"));
        Directory.CreateDirectory(Path.Combine(_root, "kept"));
    }

    /// <summary>A round's global model.</summary>
    public string Model(int round) => Path.Combine(_root, "models", Name($"round-{round:D5}"));

    /// <summary>The model that every site holds once it has a step's message.</summary>
    public string Shadow(int round, int step) => Path.Combine(_root, "models", Name($"shadow-{round:D5}-{step}"));

    /// <summary>The message of a step.</summary>
    public string Message(int round, int step) => Path.Combine(_root, "messages", Name($"round-{round:D5}-{step}"));

    /// <summary>What a site sent in a step.</summary>
    public string Spool(int round, int step, string site) => Path.Combine(_root, "spool", Name($"round-{round:D5}-{step}-{site}"));

    /// <summary>What a workflow keeps beside a round's model.</summary>
    public string Kept(int round, string name) => Path.Combine(_root, "kept", Name($"round-{round:D5}-{name}"));

    /// <summary>How the paths begin of what sites sent in a step.</summary>
    public string Spool(int round, int step) => Path.Combine(_root, "spool", $"round-{round:D5}-{step}-");

    /// <summary>Removes what sites sent, but for what to keep.</summary>
    public void ClearSpool(Func<string, bool> isKept)
    {
        foreach (string path in Directory.GetFiles(Path.Combine(_root, "spool")).Where(path => !isKept(path)))
        {
            File.Delete(path);
        }
    }

    /// <summary>Removes what was kept beside models of rounds before one.</summary>
    public void ClearKept(int round)
    {
        foreach (string path in Directory.GetFiles(Path.Combine(_root, "kept")).Where(path => string.CompareOrdinal(Path.GetFileName(path), $"round-{round:D5}") < 0))
        {
            File.Delete(path);
        }
    }

    /// <summary>Removes models of earlier rounds, but for those to keep.</summary>
    public void ClearModels(IReadOnlySet<string> keep)
    {
        foreach (string path in Directory.GetFiles(Path.Combine(_root, "models"), "*.safetensors"))
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
        foreach (string path in Directory.GetFiles(Path.Combine(_root, "messages"), "*.safetensors").Where(path => !keep.Contains(path)))
        {
            File.Delete(path);
        }
    }

    private static string Name(string name) => name + ".safetensors";
}
