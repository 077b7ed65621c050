using Tributary.Federation.Aggregation;
using Tributary.Federation.Jobs;
using Tributary.Federation.Messages;
using Tributary.Federation.Workflows;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Federation.Tests.Aggregation;

public sealed class ServerUpdateTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(Reducer.Mean, UpdateWeights.Samples, 2.75f)]
    [InlineData(Reducer.Mean, UpdateWeights.Uniform, 4.5f)]
    [InlineData(Reducer.Median, UpdateWeights.Samples, 4f)]
    [InlineData(Reducer.TrimmedMean, UpdateWeights.Samples, 4f)]
    [InlineData(Reducer.Krum, UpdateWeights.Samples, 4f)]
    public async Task The_next_model_is_made_by_the_reducer_that_the_job_names_in_either_exchange(Reducer reducer, UpdateWeights weights, float change)
    {
        // Krum keeps 2 and 6, whose two nearest are nearer than those of 1 and 9.
        var aggregation = new JobAggregation(reducer, weights, Trim: 0.2, Byzantine: 0, Keep: 2);
        (float Change, long Samples)[] updates = reducer == Reducer.TrimmedMean ? [(900, 5), (2, 1), (1, 9), (7, 1), (3, 1)] : [(1, 5), (2, 1), (9, 1), (6, 1)];
        foreach (MessageKind kind in Enum.GetValues<MessageKind>())
        {
            using var context = new KeepingContext(_folder[$"{kind}"], Job(3) with { Aggregation = aggregation });
            GlobalModel next = await ServerUpdate.SaveAsync(context, 1, context.Latest, Results(context.Latest, kind, updates), Cancel);
            next.Weights.ReadFloats("w").ShouldBe([100 + change, -200 + change]);
            context.Kept.ShouldBeEmpty("a job without an optimizer writes no files beside its model");
        }
    }

    [Fact]
    public async Task The_order_in_which_results_are_given_does_not_change_a_byte()
    {
        MemorySource[] updates = RandomUpdates.Many(7, 3, [19, 23]);
        SiteResult[] results = [.. updates.Select((update, i) => new SiteResult($"site-{i}", update, MessageKind.Delta, 10 + i, new Dictionary<string, double>(), 1))];
        foreach (Reducer reducer in Enum.GetValues<Reducer>())
        {
            var aggregation = new JobAggregation(reducer, Byzantine: 2, Keep: 3);
            using TensorSource straight = ServerUpdate.Reduce(aggregation, results, Cancel);
            byte[] expected = straight.ReadTensor("a");
            using TensorSource turned = ServerUpdate.Reduce(aggregation, [results[4], .. results[..4], results[6], results[5]], Cancel);
            turned.ReadTensor("a").ShouldBe(expected, $"{reducer}");
        }
    }

    [Theory]
    [InlineData(ServerOptimizerName.FedAvgM, "momentum")]
    [InlineData(ServerOptimizerName.DiLoCo, "mean-change momentum")]
    [InlineData(ServerOptimizerName.FedAdagrad, "mean-change second-moment")]
    [InlineData(ServerOptimizerName.FedAdam, "mean-change first-moment second-moment")]
    [InlineData(ServerOptimizerName.FedYogi, "mean-change first-moment second-moment")]
    public async Task A_server_that_ends_after_any_write_of_any_round_goes_on_to_the_same_bytes(ServerOptimizerName name, string kept)
    {
        foreach (MessageKind kind in Enum.GetValues<MessageKind>())
        {
            Job job = Job(2) with { ServerOptimizer = JobServerOptimizer.Default(name), Rounds = 3 };
            byte[] undisturbed;
            using (var context = new KeepingContext(_folder[$"{kind}-undisturbed"], job))
            {
                undisturbed = await RunAsync(context, kind);
                context.Kept.ShouldBe([.. Enumerable.Range(1, 3).SelectMany(round => kept.Split(' ').Order().Select(file => $"{round} {file}"))]);
            }

            int writes = 3 * (kept.Split(' ').Length + 1);
            string folder = _folder[$"{kind}-disturbed"];
            int crashes = 0;
            byte[]? disturbed = null;
            while (disturbed is null)
            {
                // Every life of the server ends after its first write.
                using var context = new KeepingContext(folder, job) { WritesMax = 1 };
                try
                {
                    disturbed = await RunAsync(context, kind);
                }
                catch (EndOfLifeException)
                {
                    crashes++;
                }
            }

            crashes.ShouldBe(writes);
            disturbed.ShouldBe(undisturbed);
        }
    }

    [Fact]
    public async Task Weights_and_changes_make_the_same_steps()
    {
        Job job = Job(2) with { ServerOptimizer = JobServerOptimizer.Default(ServerOptimizerName.FedAdam), Rounds = 3 };
        using var changes = new KeepingContext(_folder["changes"], job);
        using var weights = new KeepingContext(_folder["weights"], job);
        (await RunAsync(weights, MessageKind.Weights)).ShouldBe(await RunAsync(changes, MessageKind.Delta));
    }

    [Fact]
    public async Task A_state_that_is_gone_ends_the_job_with_its_name_instead_of_beginning_anew()
    {
        Job job = Job(2) with { ServerOptimizer = JobServerOptimizer.Default(ServerOptimizerName.FedAvgM), Rounds = 1 };
        using (var first = new KeepingContext(_folder["gone"], job))
        {
            await RunAsync(first, MessageKind.Delta);
        }

        File.Delete(Path.Combine(_folder["gone"], "1 momentum"));
        using var second = new KeepingContext(_folder["gone"], job with { Rounds = 2 });
        (await Should.ThrowAsync<JobFailedException>(RunAsync(second, MessageKind.Delta))).Message
            .ShouldStartWith("the server optimizer's 'momentum' of round 1 is gone");
    }

    [Fact]
    public async Task Fewer_results_than_the_reducer_needs_end_the_job_with_the_round_and_what_to_do()
    {
        using var context = new KeepingContext(_folder["few"], Job(7) with { Aggregation = new JobAggregation(Reducer.Krum, Byzantine: 2) });
        (float, long)[] six = [.. Enumerable.Repeat((1f, 1L), 6)];
        (await Should.ThrowAsync<JobFailedException>(ServerUpdate.SaveAsync(context, 1, context.Latest, Results(context.Latest, MessageKind.Delta, six), Cancel)))
            .Message.ShouldBe("round 1: krum needs 7 updates (2 f + 3) to withstand 2 wrong ones, but there are 6; with 6, 'byzantine' is at most 1");
    }

    /// <summary>All rounds that are left of a job whose sites change the weights by a figure of their own and the round's.</summary>
    private static async Task<byte[]> RunAsync(KeepingContext context, MessageKind kind)
    {
        GlobalModel global = context.Latest;
        for (int round = global.Round + 1; round <= context.Job.Rounds; round++)
        {
            global = await ServerUpdate.SaveAsync(context, round, global, Results(global, kind, [(0.25f * round, 3), (-0.5f, 1)]), Cancel);
        }

        return global.Weights.ReadTensor("w");
    }

    private static Job Job(int sites) => new() { Name = "demo", Sites = [.. Enumerable.Range(0, sites).Select(i => $"site-{i}")] };

    private static IReadOnlyList<SiteResult> Results(GlobalModel received, MessageKind kind, (float Change, long Samples)[] updates)
    {
        float[] weights = received.Weights.ReadFloats("w");
        return [.. updates.Select((update, i) =>
        {
            float[] values = [.. weights.Select(weight => kind == MessageKind.Delta ? update.Change : weight + update.Change)];
            return new SiteResult($"site-{i}", new MemorySource(MemorySource.F32("w", [2], values)), kind, update.Samples, new Dictionary<string, double>(), received.Round + 1);
        })];
    }
}
