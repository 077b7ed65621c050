using System.Globalization;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace Tributary.Cli.Terminal;

/// <summary>A line that people read: when, how grave, what. The platform's own puts a class and a number before it.</summary>
internal sealed class PlainLogFormatter() : ConsoleFormatter(FormatterName)
{
    public const string FormatterName = "plain";

    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        string grave = logEntry.LogLevel switch
        {
            LogLevel.Critical or LogLevel.Error => "error  ",
            LogLevel.Warning => "warning",
            _ => "info   ",
        };
        string at = TimeProvider.System.GetUtcNow().ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        textWriter.WriteLine($"{at} {grave} {logEntry.Formatter(logEntry.State, logEntry.Exception)}{(logEntry.Exception is { } e ? Environment.NewLine + e : string.Empty)}");
    }
}
