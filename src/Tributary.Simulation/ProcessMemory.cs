using System.Diagnostics;
using System.Globalization;

namespace Tributary.Simulation;

/// <summary>How much memory this process has taken, and how much there is.</summary>
internal static class ProcessMemory
{
    private const string StatusPath = "/proc/self/status";

    /// <summary>The machine's memory that programs can have without swapping, in bytes; as Linux tells it.</summary>
    public static long AvailableBytes()
    {
        string line = File.ReadLines("/proc/meminfo").First(line => line.StartsWith("MemAvailable:", StringComparison.Ordinal));
        return 1024 * long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }

    /// <summary>Begins the peak resident set anew, where the system can do that: Linux.</summary>
    public static void ForgetPeak()
    {
        const string References = "/proc/self/clear_refs";
        if (File.Exists(References))
        {
            File.WriteAllText(References, "5");
        }
    }

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
