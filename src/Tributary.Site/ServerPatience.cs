using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Tributary.Provisioning;

namespace Tributary.Site;

/// <summary>
/// Asks the server again for as long as it is away, with growing waits. What it refuses is not asked again: waiting would not change
/// the answer.
/// </summary>
internal sealed partial class ServerPatience(TimeProvider time, Random jitter, ILogger logger)
{
    private const int DoublingsMax = 16;
    private static readonly TimeSpan WaitFirst = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(10);

    // The reason that was logged last; null while the server answers.
    private string? _away;

    public async Task<T> TryAsync<T>(Func<CancellationToken, Task<T>> ask, CancellationToken cancellationToken)
    {
        for (int failures = 0; ; failures++)
        {
            try
            {
                T answer = await ask(cancellationToken);
                if (Interlocked.Exchange(ref _away, null) is not null)
                {
                    LogBack(logger);
                }

                return answer;
            }
            catch (Exception e) when (IsTransient(e) && !cancellationToken.IsCancellationRequested)
            {
                // Asked again below, for ever: a site's agent outlives the server's restarts. The same reason is logged once.
                string reason = Explain(e);
                if (Interlocked.Exchange(ref _away, reason) != reason)
                {
                    LogAway(logger, reason);
                }
            }

            await Task.Delay(WaitAfter(failures), time, cancellationToken);
        }
    }

    public Task TryAsync(Func<CancellationToken, Task> ask, CancellationToken cancellationToken) => TryAsync(
        async token =>
        {
            await ask(token);
            return true;
        },
        cancellationToken);

    /// <summary>No answer at all, or one that says "not now".</summary>
    public static bool IsTransient(Exception e) => e switch
    {
        HttpRequestException { StatusCode: { } status } => status is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests || (int)status >= 500,

        // A socket's own exception comes through where a connection is reset at the moment in which it opens; HttpClient wraps it otherwise.
        HttpRequestException or IOException or SocketException => true,
        _ => false,
    };

    /// <summary>What lies at the bottom of a failure: the layers above say only that there was one.</summary>
    private static string Explain(Exception e)
    {
        Exception inmost = e;
        for (; inmost is not CertificateRefusedException && inmost.InnerException is { } inner; inmost = inner)
        {
        }

        return inmost == e ? e.Message : $"{e.Message.TrimEnd('.')}: {inmost.Message}";
    }

    /// <summary>Half of the doubled wait is certain, half by chance, so that many sites do not come back at the same moment.</summary>
    private TimeSpan WaitAfter(int failures)
    {
        TimeSpan longest = WaitFirst * (1 << Math.Min(failures, DoublingsMax));
        double chance;
        lock (jitter)
        {
            chance = jitter.NextDouble();
        }

        return (longest < WaitMax ? longest : WaitMax) * (0.5 + (0.5 * chance));
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "the server does not answer, and is asked again until it does: {Reason}")]
    private static partial void LogAway(ILogger logger, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "the server answers again")]
    private static partial void LogBack(ILogger logger);
}
