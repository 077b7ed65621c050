using System.Security.Cryptography;
using System.Text;
using Tributary.Federation.Tasks;
using Tributary.Simulation.Streaming.Roles;
using Tributary.Tensors;

namespace Tributary.Simulation.Streaming;

/// <summary>
/// The experiment's executor: reads all of the received model at its original precision, as training would, and where the task asks for
/// a model returns that with noise of its own site.
/// </summary>
internal sealed class ReadingExecutor(string site, TimeProvider time, Action<RoleEvent> tell) : Executor
{
    private static readonly Dictionary<string, double> NoFigures = [];

    public override async Task<TaskResult> ExecuteAsync(TaskData task, IProgress<TaskProgress> progress, CancellationToken cancellationToken)
    {
        long verified = time.GetTimestamp();

        // Reading computes without awaiting; the agent's own work goes on beside it.
        await Task.Run(() => ParallelTiles.ForEachInOrder(task.Model, Environment.ProcessorCount, static (_, _) => { }, cancellationToken), cancellationToken);
        tell(new ModelRead(task.Round, verified, time.GetTimestamp()));
        return task.Name switch
        {
            StreamingWorkflow.Receive => new TaskResult(null, 0, NoFigures),
            TaskNames.Train => new TaskResult(new NoisySource(task.Model, SeedOf(task)), 1, NoFigures),
            _ => throw new TaskFailedException($"the experiment's executor knows no task '{task.Name}'; it knows {StreamingWorkflow.Receive} and {TaskNames.Train}"),
        };
    }

    private int SeedOf(TaskData task) => BitConverter.ToInt32(SHA256.HashData(Encoding.UTF8.GetBytes($"{task.Job.Seed}/{task.Round}/{site}")));
}
