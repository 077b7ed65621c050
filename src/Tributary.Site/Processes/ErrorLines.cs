using System.Text;

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

    /// <summary>Adds a line of the site's own to a log, where that can be written.</summary>
    public static void Note(string logPath, string line)
    {
        try
        {
            using FileStream log = Append(logPath);
            log.Write(Encode(line));
        }
        catch (Exception e) when (IsDiskFault(e))
        {
            // Whoever reads the log finds out by what it does not say.
        }
    }

    private static FileStream Append(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        return new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
    }

    private static byte[] Encode(string line) => Encoding.UTF8.GetBytes(line + "\n");

    private static bool IsDiskFault(Exception e) => e is IOException or UnauthorizedAccessException;

    /// <summary>
    /// Reads to the end whatever becomes of the log: a process whose stderr nobody reads stands still, and hours of training are worth more
    /// than lines that cannot be kept.
    /// </summary>
    private async Task ReadAsync(LineReader lines)
    {
        FileStream? log = null;
        try
        {
            log = Append(_logPath);
        }
        catch (Exception e) when (IsDiskFault(e))
        {
            RememberUnwritable(e);
        }

        while (await lines.ReadAsync(CancellationToken.None) is { } line)
        {
            // Of a progress bar that was drawn over itself the last state is enough.
            Remember(line[(line.LastIndexOf('\r') + 1)..]);
            try
            {
                log?.Write(Encode(line));
            }
            catch (Exception e) when (IsDiskFault(e))
            {
                RememberUnwritable(e);
                log!.Dispose();
                log = null;
            }
        }

        log?.Dispose();
    }

    private void RememberUnwritable(Exception e) => Remember($"[the log {_logPath} cannot be written and lacks what follows: {e.Message}]");

    private void Remember(string line)
    {
        lock (_last)
        {
            if (_last.Count == LinesMax)
            {
                _last.Dequeue();
            }

            _last.Enqueue(line);
        }
    }
}
