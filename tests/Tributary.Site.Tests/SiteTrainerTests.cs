using Tributary.Federation.Jobs;
using Tributary.Federation.Tasks;
using Tributary.Federation.Workflows;
using Tributary.Server;
using Tributary.Site.Tests.Harness;
using Tributary.Tensors.Checkpoints;
using Tributary.TestKit;

namespace Tributary.Site.Tests;

/// <summary>What a deployed site does with the jobs that come along.</summary>
public sealed class SiteTrainerTests : IDisposable
{
    private static readonly string Quickstart = Path.Combine(Repository.Root, "samples", "quickstart");

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task One_job_after_another_is_trained_each_by_its_own_settings()
    {
        using var trainer = new SiteTrainer(File(Directory.GetFiles(Quickstart, "*.jsonl", SearchOption.AllDirectories)[0]), TimeProvider.System);
        using var model = Checkpoint.Open(Path.Combine(Quickstart, "model"));
        foreach ((string name, int epochs) in new[] { ("first", 1), ("second", 2) })
        {
            var job = new Job { Name = name, Sites = ["a"], Train = new JobTraining { Epochs = epochs, BatchSize = 4, SequenceLength = 64 } };
            TaskResult result = await trainer.ExecuteAsync(new TaskData(TaskNames.Train, job, 1, 0, model), new Progress<TaskProgress>(), TestContext.Current.CancellationToken);
            result.Metrics[MetricNames.Steps].ShouldBe(epochs * Math.Ceiling(result.Samples / 4.0));
        }
    }

    [Theory]
    [InlineData(null, "the site has no data to train on")]
    [InlineData("nowhere.jsonl", "nowhere.jsonl")]
    public async Task A_site_that_cannot_train_fails_the_task_with_what_to_do(string? data, string says)
    {
        using var trainer = new SiteTrainer(File(data), TimeProvider.System);
        await using TestServer server = await TestServer.StartAsync();
        (Task<JobRecord> job, _) = server.Run(TestServer.Job("a"));
        await using var agent = new RunningAgent(server.Server.Address, trainer);
        JobFailedException failure = await Should.ThrowAsync<JobFailedException>(job);
        failure.Message.ShouldContain(says);
        agent.Ended.IsCompleted.ShouldBeFalse("it waits for the next task");
    }

    private SiteFile File(string? data) => new()
    {
        Options = new SiteOptions { Name = "a", Folder = _folder["work"], Server = new Uri("http://localhost") },
        DataPath = data,
        ModelFolder = Path.Combine(Quickstart, "model"),
    };
}
