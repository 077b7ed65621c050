using System.Globalization;

namespace Tributary.Federation.Jobs;

/// <summary>Sites that a simulation makes of one file of records, each with a share of its own.</summary>
public sealed record VirtualSites
{
    /// <summary>The records: a JSONL file, relative to the job file or to the folder given with --data.</summary>
    public required string Data { get; init; }

    /// <summary>The number of sites; null for one site for each value of <see cref="By"/>.</summary>
    public int? Count { get; init; }

    /// <summary>How the records are dealt.</summary>
    public RecordPartition Partition { get; init; }

    /// <summary>
    /// The Dirichlet distribution's concentration, above 0: near 0 a class lies at one site, at 1 every division is equally likely, and far
    /// above 1 all sites have the same mix.
    /// </summary>
    public double Alpha { get; init; }

    /// <summary>
    /// The records' field whose values are their classes; null for the first of category, label and topic that they have.
    /// </summary>
    public string? By { get; init; }

    /// <summary>The names of so many sites: site-01, site-02 and so on, sorted.</summary>
    public static string[] Names(int count)
    {
        int digits = Math.Max(2, count.ToString(CultureInfo.InvariantCulture).Length);
        return [.. Enumerable.Range(1, count).Select(number => "site-" + number.ToString($"D{digits}", CultureInfo.InvariantCulture))];
    }
}

/// <summary>How records are dealt to virtual sites.</summary>
public enum RecordPartition
{
    /// <summary>At random, in equal numbers.</summary>
    Iid,

    /// <summary>Class by class, in shares drawn from a Dirichlet distribution.</summary>
    Dirichlet,

    /// <summary>All records of a class to one site.</summary>
    Field,
}
