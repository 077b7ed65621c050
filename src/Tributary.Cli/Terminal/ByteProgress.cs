using System.Diagnostics;

namespace Tributary.Cli.Terminal;

/// <summary>Shows on stderr how many bytes long work has written; nothing where stderr is no terminal.</summary>
/// <param name="total">All bytes, where they are known beforehand.</param>
internal sealed class ByteProgress(long? total = null) : IProgress<long>, IDisposable
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
            string of = total is { } all ? $" of {Output.Bytes(all)}" : string.Empty;
            Console.Error.Write($"\r{Output.Bytes(value)}{of}, {Output.Bytes((long)(value / seconds))} a second    ");
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
