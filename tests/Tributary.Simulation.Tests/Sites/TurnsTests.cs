using Tributary.Federation.Jobs;
using Tributary.Federation.Rounds;
using Tributary.Federation.Tasks;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Simulation.Tests.Sites;

/// <summary>Many sites in one process, a few at work at once: memory does not grow with their number, and who waits is not taken for dead.</summary>
public sealed class TurnsTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private int _holding;
    private int _holdingMost;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task No_more_executors_hold_a_model_than_may_work_at_once(int parallel)
    {
        using FederationSimulation simulation = Prepare(12, parallel, 60, site => new HoldingExecutor(this, null));
        await simulation.RunAsync(static _ => { }, Cancelled);
        _holdingMost.ShouldBeInRange(1, parallel);
        _holding.ShouldBe(0);
    }

    [Fact]
    public async Task A_site_that_waits_for_its_turn_longer_than_the_timeout_is_not_dead()
    {
        // Whoever is first goes on only when the others have been heard of for longer than a silent site is given.
        const int SignsOfLife = 4; // one each half second, and the timeout is one
        var heard = new Dictionary<string, int>(StringComparer.Ordinal);
        var patient = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using FederationSimulation simulation = Prepare(3, 1, 1, site => new HoldingExecutor(this, patient.Task));
        await simulation.RunAsync(
            happened =>
            {
                if (happened is SiteProgressed { Progress.Phase: TaskPhase.Waiting } waiting)
                {
                    lock (heard)
                    {
                        heard[waiting.Site] = heard.GetValueOrDefault(waiting.Site) + 1;
                        if (heard.Values.Count(times => times >= SignsOfLife) == 2)
                        {
                            patient.TrySetResult();
                        }
                    }
                }
            },
            Cancelled);
        patient.Task.IsCompleted.ShouldBeTrue();
    }

    private FederationSimulation Prepare(int count, int parallel, int timeout, Func<JobFileSite, Executor> executors)
    {
        File.WriteAllLines(_folder["all.jsonl"], Enumerable.Range(0, 2 * count).Select(_ => "{}"));
        var options = new SimulationOptions
        {
            File = JobFile.Parse($"name: turns\nrounds: 1\nsite_timeout: {timeout}\nsites: {{ count: {count}, data: all.jsonl }}", "job.yaml"),
            ModelFolder = Path.Combine(Repository.Root, "samples", "quickstart", "model"),
            DataFolder = _folder.Path,
            OutFolder = _folder["out"],
            Parallel = parallel,
            Executors = executors,
        };
        return FederationSimulation.Prepare(options, TimeProvider.System);
    }

    /// <summary>Counts who has been given a task that has not ended.</summary>
    private sealed class HoldingExecutor(TurnsTests test, Task? wait) : Executor
    {
        private bool _holds;

        public override async Task<TaskResult> ExecuteAsync(TaskData task, IProgress<TaskProgress> progress, CancellationToken cancellationToken)
        {
            _holds = true;
            int now = Interlocked.Increment(ref test._holding);
            for (int most = Volatile.Read(ref test._holdingMost); now > most; most = Volatile.Read(ref test._holdingMost))
            {
                Interlocked.CompareExchange(ref test._holdingMost, now, most);
            }

            await (wait ?? Task.CompletedTask).WaitAsync(cancellationToken);
            var metrics = new Dictionary<string, double>(StringComparer.Ordinal)
            {
                [MetricNames.ReceivedLoss] = 1,
                [MetricNames.HeldOutTokens] = 10,
            };
            return task.Name == TaskNames.Train ? new TaskResult(task.Model, 1, metrics) : new TaskResult(null, 0, metrics);
        }

        public override void EndTask()
        {
            if (_holds)
            {
                _holds = false;
                Interlocked.Decrement(ref test._holding);
            }
        }
    }
}
