using System.Diagnostics;
using System.Globalization;

namespace Tributary.Simulation;

/// <summary>How much memory this process has taken.</summary>
internal static class ProcessMemory
{
    private const string StatusPath = "/proc/self/status";

    /// <summary>The peak resident set in bytes: VmHWM where the system tells it.</summary>
    public static long PeakBytes()
    {
        if (File.Exists(StatusPath)
            && File.ReadLines(StatusPath).FirstOrDefault(line => line.StartsWith("VmHWM:", StringComparison.Ordinal)) is { } line
            && long.TryParse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture, out long kilobytes))
        {
            return kilobytes * 1024;
        }

        using Process process = Process.GetCurrentProcess();
        return process.PeakWorkingSet64;
    }
}
