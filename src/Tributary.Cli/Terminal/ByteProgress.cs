using System.Diagnostics;

namespace Tributary.Cli.Terminal;

/// <summary>Shows on stderr how many bytes a long conversion has written; nothing where stderr is no terminal.</summary>
internal sealed class ByteProgress : IProgress<long>, IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    private readonly Lock _lock = new();
    private readonly long _start = Stopwatch.GetTimestamp();
    private long _shown;

    public void Report(long value)
    {
        if (Console.IsErrorRedirected || Stopwatch.GetElapsedTime(Volatile.Read(ref _shown)) < Interval)
        {
            return;
        }

        lock (_lock)
        {
            double seconds = Stopwatch.GetElapsedTime(_start).TotalSeconds;
            Console.Error.Write($"\r{Output.Bytes(value)}, {Output.Bytes((long)(value / seconds))} a second    ");
            Volatile.Write(ref _shown, Stopwatch.GetTimestamp());
        }
    }

    public void Dispose()
    {
        if (_shown != 0)
        {
            Console.Error.WriteLine();
        }
    }
}
