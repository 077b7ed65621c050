using Tributary.Federation.Jobs;
using Tributary.Federation.Tasks;
using Tributary.Federation.Wire;

namespace Tributary.Site.Rules;

/// <summary>
/// Tasks that may not begin yet, one of a job at most. Of each the server is told that the site lives and what it waits for, while the agent does tasks of
/// other jobs. One that may begin is let go: the server hands it out again, and a refusal is said then.
/// </summary>
internal sealed class HeldTasks(ServerClient server, TimeProvider time, Func<TaskDocument, TaskProgress?> look) : IAsyncDisposable
{
    /// <summary>How often is looked whether one may begin: a person who has answered watches for what happens.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan SignOfLifeMin = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan SignOfLifeMax = TimeSpan.FromSeconds(2);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Task> _held = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stop = new();

    // Never disposed: it has no timer, and whoever waits for a task may still hold its token.
    private CancellationTokenSource _letGo = new();

    /// <summary>The jobs whose tasks are held, and what is cancelled when one of them is let go.</summary>
    public (IReadOnlyList<string> Jobs, CancellationToken LetGo) Now
    {
        get
        {
            lock (_lock)
            {
                return ([.. _held.Keys], _letGo.Token);
            }
        }
    }

    /// <summary>Holds a task.</summary>
    /// <param name="task">The task.</param>
    /// <param name="wait">What it waits for.</param>
    /// <returns>False where one of its job is held already.</returns>
    public bool Hold(TaskDocument task, TaskProgress wait)
    {
        lock (_lock)
        {
            if (_held.ContainsKey(task.Job.Name))
            {
                return false;
            }

            _held[task.Job.Name] = Task.Run(() => HoldAsync(task, wait));
            return true;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        Task[] held;
        lock (_lock)
        {
            held = [.. _held.Values];
        }

        await Task.WhenAll(held);
        _stop.Dispose();
    }

    private async Task HoldAsync(TaskDocument task, TaskProgress wait)
    {
        try
        {
            // Well within the time for which the job lets a site say nothing.
            var signOfLife = TimeSpan.FromTicks(Math.Clamp(task.Job.SiteTimeout.Ticks / 4, SignOfLifeMin.Ticks, SignOfLifeMax.Ticks));
            await using var telling = new ProgressReporter(server, task, signOfLife, time, _stop.Token);
            using var ended = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token, telling.StepGone);
            using var timer = new PeriodicTimer(Interval, time);
            for (TaskProgress? now = wait; now is not null; now = look(task))
            {
                telling.Report(now);
                await timer.WaitForNextTickAsync(ended.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // The agent ends, or the step was closed without this site: what comes next is looked at anew.
        }
        finally
        {
            LetGo(task.Job);
        }
    }

    private void LetGo(Job job)
    {
        CancellationTokenSource letGo;
        lock (_lock)
        {
            _held.Remove(job.Name);
            letGo = _letGo;
            _letGo = new CancellationTokenSource();
        }

        letGo.Cancel();
    }
}
