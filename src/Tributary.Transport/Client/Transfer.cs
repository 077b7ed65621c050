using System.Net.Sockets;

namespace Tributary.Transport;

/// <summary>
/// What uploads and downloads have in common: several parts at a time, each tried again by itself until it succeeds, all
/// of it held to the progress rule.
/// </summary>
internal sealed class Transfer : IDisposable
{
    private const double WaitSecondsMax = 5;

    private readonly TransferOptions _options;
    private readonly TimeProvider _clock;
    private readonly Random _jitter;
    private readonly string _name;
    private readonly ProgressWatch _watch;
    private readonly CancellationToken _cancelled;
    private readonly CancellationTokenSource _stop;
    private Exception? _lastFailure;

    /// <summary>Begins a transfer.</summary>
    /// <param name="name">What it is, for messages: <c>Upload to ...</c>.</param>
    /// <param name="gauge">Counts.</param>
    /// <param name="options">Options.</param>
    /// <param name="clock">Clock.</param>
    /// <param name="jitter">Spreads repetitions.</param>
    /// <param name="cancellationToken">The caller's token.</param>
    public Transfer(
        string name, TransferGauge gauge, TransferOptions options, TimeProvider clock, Random jitter, CancellationToken cancellationToken)
    {
        _name = name;
        Gauge = gauge;
        _options = options;
        _clock = clock;
        _jitter = jitter;
        _cancelled = cancellationToken;
        _watch = new ProgressWatch(options.Progress, clock, () => gauge.Alive, () => gauge.IsBusy);
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _watch.Token);
    }

    public TransferGauge Gauge { get; }

    public TransferOptions Options => _options;

    /// <summary>Runs the whole transfer, and makes one clear error of whatever ends it.</summary>
    public async Task<T> RunAsync<T>(Func<CancellationToken, Task<T>> work)
    {
        try
        {
            return await work(_stop.Token);
        }
        catch (OperationCanceledException) when (_watch.IsStalled && !_cancelled.IsCancellationRequested)
        {
            throw Fail(
                TransferFailure.Stalled,
                $"only {ByteText.Of(_watch.MovedInWindow)} moved within {_options.Progress.Window}, "
                + $"at least {ByteText.Of(_options.Progress.BytesMin)} are asked for.",
                _lastFailure);
        }
        catch (OperationCanceledException e) when (_cancelled.IsCancellationRequested)
        {
            throw new OperationCanceledException($"{_name} was cancelled.", e, _cancelled);
        }
        catch (TransferException e)
        {
            throw new TransferException(e.Failure, $"{_name} failed: {e.Message}{Gauge.Text}", e.InnerException)
            {
                ProblemType = e.ProblemType,
                Progress = Gauge.Progress,
            };
        }
    }

    /// <summary>Does something for every part, in order, several at a time.</summary>
    public Task ForEachPartAsync(int count, Func<int, CancellationToken, Task> work, CancellationToken cancellationToken)
    {
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = _options.Connections, CancellationToken = cancellationToken };
        return Parallel.ForEachAsync(Enumerable.Range(0, count), parallel, async (part, token) => await work(part, token));
    }

    /// <summary>Tries something until it succeeds or fails for good, with growing waits in between.</summary>
    public async Task<T> TryAsync<T>(Func<Attempt, CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        using TransferGauge.Busy busy = Gauge.Work();
        for (int failures = 0; ; failures++)
        {
            Attempt attempt = Gauge.Attempt(again: failures > 0);
            TimeSpan wait;
            try
            {
                return await TryOnceAsync(work, attempt, cancellationToken);
            }
            catch (Exception e) when (e is TransientException or HttpRequestException or IOException or SocketException)
            {
                // HttpClient wraps what a socket throws, but not when a connection is reset at the moment in which it opens.
                _lastFailure = e;
                if (Gauge.FailedAttempt(attempt.Moved > 0, _options.Progress.Window))
                {
                    throw new TransferException(
                        TransferFailure.Stalled,
                        $"for {_options.Progress.Window} nothing that was tried got through; the last failure was: {e.Message}",
                        e);
                }

                wait = WaitAfter(failures, (e as TransientException)?.RetryAfter);
            }

            await Task.Delay(wait, _clock, cancellationToken);
        }
    }

    /// <summary>
    /// The same for what the other side may still be making: while it says so, it is asked again, and time does not count.
    /// </summary>
    /// <param name="work">One attempt; it is told how many seconds it may ask the other side to wait.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<T> TryWhenReadyAsync<T>(Func<Attempt, int, CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        // Well within the time after which an attempt without bytes is abandoned.
        int wait = (int)Math.Min(WaitSecondsMax, _options.Progress.Window.TotalSeconds / 8);
        while (true)
        {
            try
            {
                return await TryAsync((attempt, token) => work(attempt, wait, token), cancellationToken);
            }
            catch (NotReadyException)
            {
                Gauge.Excuse(_options.Progress.BytesMin);
            }

            if (wait == 0)
            {
                await Task.Delay(_options.BackoffFirst, _clock, cancellationToken);
            }
        }
    }

    public void Dispose()
    {
        _stop.Dispose();
        _watch.Dispose();
    }

    /// <summary>
    /// An attempt over a connection that has silently died is abandoned after half a window, so that it can be made again over another
    /// one while the transfer as a whole is still within its rule.
    /// </summary>
    private async Task<T> TryOnceAsync<T>(
        Func<Attempt, CancellationToken, Task<T>> work, Attempt attempt, CancellationToken cancellationToken)
    {
        var rule = new ProgressRule(1, _options.Progress.Window / 2);
        using var watch = new ProgressWatch(rule, _clock, () => attempt.Moved);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, watch.Token);
        try
        {
            return await work(attempt, stop.Token);
        }
        catch (OperationCanceledException e) when (watch.IsStalled && !cancellationToken.IsCancellationRequested)
        {
            throw new TransientException($"after {ByteText.Of(attempt.Moved)} nothing moved on its connection for {rule.Window}.", null, e);
        }
    }

    private TransferException Fail(TransferFailure failure, string reason, Exception? last)
    {
        string cause = last is null ? "" : $" The last failure was: {last.Message}";
        return new TransferException(failure, $"{_name} stalled: {reason}{cause}{Gauge.Text}", last) { Progress = Gauge.Progress };
    }

    /// <summary>Half of the doubled time is certain, half by chance, so that many clients do not come back at the same moment.</summary>
    private TimeSpan WaitAfter(int failures, TimeSpan? retryAfter)
    {
        const int DoublingsMax = 30;
        double longest = Math.Min(
            _options.BackoffMax.TotalMilliseconds, _options.BackoffFirst.TotalMilliseconds * (1L << Math.Min(failures, DoublingsMax)));
        double chance;
        lock (_jitter)
        {
            chance = _jitter.NextDouble();
        }

        var wait = TimeSpan.FromMilliseconds(longest * (0.5 + (0.5 * chance)));

        // Not so long that the transfer's own rule would end it in its sleep.
        TimeSpan most = _options.Progress.Window / 4;
        return retryAfter is { } asked && asked > wait ? (asked < most ? asked : most) : wait;
    }
}
