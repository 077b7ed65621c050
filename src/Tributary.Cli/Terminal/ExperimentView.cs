using System.Diagnostics;
using System.Globalization;
using Tributary.Simulation.Experiments;

namespace Tributary.Cli.Terminal;

/// <summary>Shows an experiment while it works, on stderr: a line that changes in a terminal, and one for each measurement.</summary>
internal sealed class ExperimentView : IDisposable
{
    private const string ClearLine = "\r\e[K";
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    private readonly Lock _lock = new();
    private long _shown;

    public void Show(ExperimentProgress progress)
    {
        lock (_lock)
        {
            string what = $"[{progress.Number}/{progress.Count}] {progress.What}";
            if (progress.Seconds is { } seconds)
            {
                Console.Error.WriteLine(Clear + what + string.Create(CultureInfo.InvariantCulture, $": {seconds:0.00} s"));
            }
            else if (!Console.IsErrorRedirected && (progress.Bytes == 0 || Stopwatch.GetElapsedTime(_shown) >= Interval))
            {
                Console.Error.Write(Clear + what + (progress.Bytes == 0 ? string.Empty : $": {progress.Doing} {Output.Bytes(progress.Bytes)}"));
                _shown = Stopwatch.GetTimestamp();
            }
        }
    }

    public void Dispose() => Console.Error.Write(Clear);

    private static string Clear => Console.IsErrorRedirected ? string.Empty : ClearLine;
}
