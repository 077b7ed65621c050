using System.Globalization;

namespace Tributary.Simulation;

/// <summary>What this process has had to do with the disk, as Linux counts it.</summary>
internal static class ProcessDisk
{
    private const string Counters = "/proc/self/io";
    private const string ReadKey = "read_bytes: ";

    /// <summary>The bytes that were fetched from the disk for it: reads that the page cache could not serve. 0 where the system does not tell.</summary>
    public static long ReadBytes() => File.Exists(Counters)
        && File.ReadLines(Counters).FirstOrDefault(line => line.StartsWith(ReadKey, StringComparison.Ordinal)) is { } line
            ? long.Parse(line[ReadKey.Length..], CultureInfo.InvariantCulture)
            : 0;
}
