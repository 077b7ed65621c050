using Tributary.Federation.Tasks;
using Tributary.Federation.Wire;

namespace Tributary.Site;

/// <summary>
/// Tells the server, at an even pace, how far a task has come: the latest only, and again if there is nothing new, as a sign of life.
/// When the server says that the step is closed, the task is cancelled.
/// </summary>
internal sealed class ProgressReporter : IProgress<TaskProgress>, IAsyncDisposable
{
    private readonly CancellationTokenSource _stop;
    private readonly CancellationTokenSource _gone = new();
    private readonly Task _loop;
    private readonly bool _withholds;
    private TaskProgress _latest = new(TaskPhase.Waiting);

    public ProgressReporter(ServerClient server, TaskDocument task, TimeSpan interval, TimeProvider time, CancellationToken cancellationToken)
    {
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _withholds = task.Job.WithholdsFigures || task.Job.HidesSamples;
        _loop = LoopAsync(server, task, interval, time);
    }

    /// <summary>Cancelled when the server no longer wants the task's result.</summary>
    public CancellationToken StepGone => _gone.Token;

    // JSON has no NaN; a loss that is no number any more is told by the failure that follows.
    public void Report(TaskProgress value) => Volatile.Write(ref _latest, _withholds && value.Phase is (TaskPhase.Training or TaskPhase.Evaluating)
        ? new TaskProgress(value.Phase, Note: value.Note)
        : value with { Loss = Finite(value.Loss), TokensPerSecond = Finite(value.TokensPerSecond) });

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _loop;
        _stop.Dispose();
        _gone.Dispose();
    }

    private static double? Finite(double? figure) => figure is { } number && double.IsFinite(number) ? number : null;

    private async Task LoopAsync(ServerClient server, TaskDocument task, TimeSpan interval, TimeProvider time)
    {
        try
        {
            using var timer = new PeriodicTimer(interval, time);
            while (await timer.WaitForNextTickAsync(_stop.Token))
            {
                await TellAsync(server, task);
            }
        }
        catch (OperationCanceledException)
        {
            // The task has ended.
        }
    }

    private async Task TellAsync(ServerClient server, TaskDocument task)
    {
        try
        {
            await server.ReportAsync(task, Volatile.Read(ref _latest), _stop.Token);
        }
        catch (StepGoneException)
        {
            await _gone.CancelAsync();
        }
        catch (Exception e) when (ServerPatience.IsTransient(e) || e is HttpRequestException)
        {
            // The server is away for a moment; transfers and the result have their own patience, and the next tick tries again.
        }
    }
}
