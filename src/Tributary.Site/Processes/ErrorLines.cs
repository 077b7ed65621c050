namespace Tributary.Site.Processes;

/// <summary>A process's stderr: all of it goes to a log file, and the last lines are kept for the error that may follow.</summary>
internal sealed class ErrorLines
{
    private const int LinesMax = 20;
    private const int LineBytesMax = 4096;

    private readonly Queue<string> _last = new();
    private readonly string _logPath;

    public ErrorLines(Stream stderr, string logPath)
    {
        _logPath = logPath;
        Ended = ReadAsync(new LineReader(stderr, LineBytesMax));
    }

    /// <summary>Completes when the process, and every child that it gave its stderr to, has closed it.</summary>
    public Task Ended { get; }

    /// <summary>The last lines, one below the other.</summary>
    public string Last
    {
        get
        {
            lock (_last)
            {
                return string.Join('\n', _last);
            }
        }
    }

    /// <summary>Adds a line of the site's own to a log.</summary>
    public static void Note(string logPath, string line)
    {
        using StreamWriter log = Append(logPath);
        log.WriteLine(line);
    }

    private static StreamWriter Append(string path) => new(new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite)) { AutoFlush = true };

    private async Task ReadAsync(LineReader lines)
    {
        await using StreamWriter log = Append(_logPath);
        while (await lines.ReadAsync(CancellationToken.None) is { } line)
        {
            await log.WriteLineAsync(line);
            lock (_last)
            {
                if (_last.Count == LinesMax)
                {
                    _last.Dequeue();
                }

                // Of a progress bar that was drawn over itself the last state is enough.
                _last.Enqueue(line[(line.LastIndexOf('\r') + 1)..]);
            }
        }
    }
}
