using System.Text.Encodings.Web;
using System.Text.Json;
using Tributary.Federation.Jobs;
using Tributary.Tensors;

namespace Tributary.Simulation.Sites;

/// <summary>The sites of a run, and of virtual ones the records of each.</summary>
internal sealed class SimulatedSites
{
    private static readonly JsonSerializerOptions Readable = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly Dictionary<string, int[]> _shares = new(StringComparer.Ordinal);

    private SimulatedSites(JobFile file) => JobFile = file;

    /// <summary>The job file, whose job and sites have all names.</summary>
    public JobFile JobFile { get; }

    /// <summary>The records that virtual sites share; null where each site has a file of its own.</summary>
    public ClassifiedRecords? Records { get; private init; }

    /// <summary>Finds out which sites there are, and deals the records to them where the job file says so.</summary>
    /// <exception cref="UsageException">The records cannot be dealt.</exception>
    public static SimulatedSites Of(SimulationOptions options)
    {
        JobFile file = options.File;
        if (file.Virtual is not { } made)
        {
            return new SimulatedSites(file);
        }

        string path = Path.Combine(options.DataFolder, made.Data);
        ClassifiedRecords records = made.Partition == RecordPartition.Iid ? ClassifiedRecords.Counted(path) : ClassifiedRecords.Classified(path, made.By);
        int[][] dealt = RecordDealer.Deal(made, records, file.Job.Seed);
        string[] names = VirtualSites.Names(dealt.Length);
        var sites = new SimulatedSites(file with
        {
            Job = file.Job with { Sites = names },
            Sites = [.. names.Select(name => new JobFileSite(name, made.Data, null))],
        })
        {
            Records = records,
        };
        for (int site = 0; site < names.Length; site++)
        {
            sites._shares.Add(names[site], dealt[site]);
        }

        return sites;
    }

    /// <summary>The places of a virtual site's records in the file, from 0, ascending; null for a site with a file of its own.</summary>
    public IReadOnlyList<int>? ShareOf(string site) => _shares.GetValueOrDefault(site);

    /// <summary>Writes how many records each virtual site has, and of which classes where these were asked for.</summary>
    public void WriteTable(string path)
    {
        IReadOnlyList<string>? classes = Records?.Classes;
        var rows = _shares.Select(share => new
        {
            site = share.Key,
            records = share.Value.Length,
            classes = classes is null
                ? null
                : new SortedDictionary<string, int>(share.Value.GroupBy(place => classes[place]).ToDictionary(group => group.Key, group => group.Count()), StringComparer.Ordinal),
        });
        DurableFile.WriteText(path, JsonSerializer.Serialize(new { data = Records!.Path, by = Records.Field, sites = rows }, Readable));
    }

    /// <summary>Writes the records of a virtual site as a file of its own, for a program that reads one.</summary>
    public void WriteShare(string site, string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllLines(path, Records!.Lines(_shares[site]));
    }
}
