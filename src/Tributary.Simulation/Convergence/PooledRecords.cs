using Tributary.Federation.Jobs;

namespace Tributary.Simulation.Convergence;

/// <summary>All sites' records as one site's.</summary>
internal static class PooledRecords
{
    private const string Site = "pooled";
    private const string FileName = Site + ".jsonl";

    /// <summary>Writes the records one file after the other, and gives the job of their one site, whose path is relative to <paramref name="target"/>.</summary>
    /// <exception cref="UsageException">A site's records are not there.</exception>
    public static JobFile Pool(JobFile file, string dataFolder, string target)
    {
        Directory.CreateDirectory(target);
        string path = Path.Combine(target, FileName);
        string[] records = [.. file.Sites.SelectMany(site => Records(Path.Combine(dataFolder, site.Data), site.Records))];
        lock (FileName)
        {
            if (!File.Exists(path) || !File.ReadLines(path).SequenceEqual(records))
            {
                File.WriteAllLines(path, records);
            }
        }

        return file with { Job = file.Job with { Sites = [Site] }, Sites = [new JobFileSite(Site, FileName, null)] };
    }

    private static IEnumerable<string> Records(string path, int? most)
    {
        if (!File.Exists(path))
        {
            throw new UsageException($"{path}: the records are not there; mend 'data' in the job file, or say with --data where its files lie");
        }

        IEnumerable<string> lines = File.ReadLines(path).Where(line => !string.IsNullOrWhiteSpace(line));
        return most is { } count ? lines.Take(count) : lines;
    }
}
