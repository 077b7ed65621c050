using System.Security.Cryptography;
using System.Text;
using Tributary.Federation.Tasks;
using Tributary.Simulation.Experiments.Roles;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;

namespace Tributary.Simulation.Experiments;

/// <summary>
/// An experiment's executor: uses the received model as its settings say, and where the task asks for a model returns that with noise of its
/// own site.
/// </summary>
internal sealed class NoisyExecutor(SiteSettings settings, TimeProvider time, Action<RoleEvent> tell) : Executor
{
    private static readonly Dictionary<string, double> NoFigures = [];

    private readonly string _written = Path.Combine(settings.Folder, "model.safetensors");
    private SafetensorsFile? _model;

    public override async Task<TaskResult> ExecuteAsync(TaskData task, IProgress<TaskProgress> progress, CancellationToken cancellationToken)
    {
        long verified = time.GetTimestamp();

        // Reading computes without awaiting; the agent's own work goes on beside it.
        TensorSource model = await Task.Run(() => Use(task.Model, cancellationToken), cancellationToken);
        tell(new ModelRead(task.Round, verified, time.GetTimestamp()));
        if (settings.SleepSeconds > 0)
        {
            await Task.Delay(TimeSpan.FromSeconds(settings.SleepSeconds), time, cancellationToken);
        }

        return task.Name switch
        {
            ExchangeWorkflow.Receive => new TaskResult(null, 0, NoFigures),
            TaskNames.Train => new TaskResult(new NoisySource(model, SeedOf(task)), 1, NoFigures),
            _ => throw new TaskFailedException($"the experiment's executor knows no task '{task.Name}'; it knows {ExchangeWorkflow.Receive} and {TaskNames.Train}"),
        };
    }

    public override void EndTask()
    {
        _model?.Dispose();
        _model = null;
    }

    private TensorSource Use(TensorSource model, CancellationToken cancellationToken)
    {
        switch (settings.Use)
        {
            case ModelUse.Read:
                ParallelTiles.ForEachInOrder(model, Environment.ProcessorCount, static (_, _) => { }, cancellationToken);
                return model;
            case ModelUse.WriteOut:
                new SafetensorsWriter(model).WriteFile(_written, cancellationToken);
                return _model = SafetensorsFile.Open(_written);
            default:
                return model;
        }
    }

    private int SeedOf(TaskData task) => BitConverter.ToInt32(SHA256.HashData(Encoding.UTF8.GetBytes($"{task.Job.Seed}/{task.Round}/{settings.Name}")));
}
