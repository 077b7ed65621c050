using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Tributary.Server.Tests.Harness;

/// <summary>A log that a test reads, and may wait for.</summary>
internal sealed class ListLogger : ILogger
{
    private readonly ConcurrentQueue<string> _lines = new();
    private readonly SemaphoreSlim _more = new(0);

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        _lines.Enqueue(formatter(state, exception));
        _more.Release();
    }

    /// <summary>Waits for a line that contains a text, and gives it.</summary>
    public async Task<string> UntilAsync(string text, CancellationToken cancellationToken)
    {
        while (true)
        {
            await _more.WaitAsync(cancellationToken);
            if (_lines.TryDequeue(out string? line) && line.Contains(text, StringComparison.Ordinal))
            {
                return line;
            }
        }
    }
}
