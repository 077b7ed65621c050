using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Tributary.Provisioning;

namespace Tributary.Cli.Terminal;

/// <summary>The log of a server or a site, on stderr: a line for each event, for people, or as JSON.</summary>
internal static partial class DaemonLog
{
    private static readonly TimeSpan WarnBefore = TimeSpan.FromDays(30);

    /// <summary>Warns while there is still time to renew a certificate.</summary>
    public static void WarnOfEnd(ILogger logger, Kit kit, TimeProvider time)
    {
        if (kit.Ends - time.GetUtcNow() < WarnBefore)
        {
            LogEnd(logger, kit.Party, kit.Ends);
        }
    }

    public static void Configure(ILoggingBuilder logging, bool json)
    {
        // What the web server says of itself concerns users from warnings on only.
        logging.SetMinimumLevel(LogLevel.Information).AddFilter("Microsoft", LogLevel.Warning);
        if (json)
        {
            logging.AddJsonConsole(format =>
            {
                format.UseUtcTimestamp = true;
                format.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ";
            });
        }
        else
        {
            logging.AddConsole(console => console.FormatterName = PlainLogFormatter.FormatterName).AddConsoleFormatter<PlainLogFormatter, ConsoleFormatterOptions>();
        }

        logging.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "the certificate of {Party} ends at {End:yyyy-MM-dd HH:mm} UTC; have it renewed (provision renew) before that")]
    private static partial void LogEnd(ILogger logger, Party party, DateTimeOffset end);
}
