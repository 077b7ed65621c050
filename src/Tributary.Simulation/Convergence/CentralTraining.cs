using Tributary.Federation.Jobs;
using Tributary.Federation.Tasks;
using Tributary.Site;
using Tributary.Tensors;
using Tributary.Tensors.Checkpoints;

namespace Tributary.Simulation.Convergence;

/// <summary>
/// Training without a federation: the same trainer on the same records, whose model and optimizer go on from epoch to epoch. Nothing is sent anywhere.
/// </summary>
internal static class CentralTraining
{
    /// <summary>The held-out losses: before the first round, and after each.</summary>
    /// <param name="file">The job, with one site.</param>
    /// <param name="modelFolder">The model.</param>
    /// <param name="dataFolder">What the site's path is relative to.</param>
    /// <param name="workFolder">Where the optimizer's state is kept.</param>
    /// <param name="threads">The threads that train.</param>
    /// <param name="report">Told of each loss.</param>
    /// <param name="cancellationToken">Ends the training.</param>
    public static async Task<IReadOnlyList<double>> RunAsync(
        JobFile file, string modelFolder, string dataFolder, string workFolder, int threads, Action<int, double> report, CancellationToken cancellationToken)
    {
        Job job = file.Job with { Train = file.Job.Train with { OptimizerState = OptimizerState.Keep } };
        JobFileSite site = file.Sites.Single();
        var options = new BuiltinTrainerOptions
        {
            Site = site.Name,
            ModelFolder = modelFolder,
            DataPath = Path.Combine(dataFolder, site.Data),
            WorkFolder = workFolder,
            Threads = threads,
        };
        using var trainer = new BuiltinTrainer(options, job);
        using Checkpoint checkpoint = Checkpoint.Open(modelFolder);
        TensorSource model = new CastSource(checkpoint, DType.F32);
        var losses = new List<double>();
        for (int round = 1; round <= job.Rounds + 1; round++)
        {
            string task = round <= job.Rounds ? TaskNames.Train : TaskNames.Evaluate;
            TaskResult result = await trainer.ExecuteAsync(new TaskData(task, job, round, 0, model), Silent, cancellationToken);
            losses.Add(result.Metrics[MetricNames.ReceivedLoss]);
            report(round - 1, losses[^1]);
            model = result.Model ?? model;
        }

        return losses;
    }

    private static Progress<TaskProgress> Silent { get; } = new();
}
