using Tributary.Federation.Tasks;
using Tributary.Server.Tests.Harness;

namespace Tributary.Dashboard.Tests;

/// <summary>Trains as <see cref="AddingExecutor"/> does, after telling how far it is and waiting until the test lets a round go.</summary>
internal sealed class SteppingExecutor : Executor
{
    private readonly AddingExecutor _adding = new(1, 1);
    private readonly TaskCompletionSource _gate = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The round that waits for <see cref="Go"/>; those before and after do not.</summary>
    public int GatedRound { get; init; } = 2;

    /// <summary>What it fails with in that round, then.</summary>
    public string? Failure { get; init; }

    public void Go() => _gate.TrySetResult();

    public override async Task<TaskResult> ExecuteAsync(TaskData task, IProgress<TaskProgress> progress, CancellationToken cancellationToken)
    {
        if (task.Round == GatedRound && task.Name == TaskNames.Train)
        {
            progress.Report(new TaskProgress(TaskPhase.Training, 41, 100, Loss: 1.25, TokensPerSecond: 4100));
            await _gate.Task.WaitAsync(cancellationToken);
            if (Failure is not null)
            {
                throw new TaskFailedException(Failure);
            }
        }

        return await _adding.ExecuteAsync(task, progress, cancellationToken);
    }
}
