using Tributary.Federation.Jobs;
using Tributary.Federation.Messages;
using Tributary.Federation.Tasks;
using Tributary.Federation.Workflows;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Federation.Tests.Workflows;

public sealed class FedAvgTests
{
    private static readonly Job TwoRounds = new() { Name = "demo", Sites = ["a", "b"], Rounds = 2 };
    private static readonly GlobalModel Initial = new(0, Weights(1, 2));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_round_is_asked_measured_and_saved_in_that_order_and_the_last_model_is_measured_too()
    {
        var context = new RecordingContext(TwoRounds, Initial, request => [Result("a", request, MessageKind.Weights, 1, Weights(1, 2))]);
        await new FedAvg().RunAsync(context, Cancel);
        context.Calls.ShouldBe([
            "train 1.0 with 0", "loss of 0", "save 1",
            "train 2.0 with 1", "loss of 1", "save 2",
            "evaluate 3.0 with 2", "loss of 2"]);
    }

    [Fact]
    public async Task A_job_goes_on_after_its_newest_durable_model()
    {
        var context = new RecordingContext(TwoRounds, new GlobalModel(1, Weights(5, 5)), request => [Result("a", request, MessageKind.Weights, 1, Weights(1, 2))]);
        await new FedAvg().RunAsync(context, Cancel);
        context.Calls.ShouldBe(["train 2.0 with 1", "loss of 1", "save 2", "evaluate 3.0 with 2", "loss of 2"]);
    }

    [Fact]
    public async Task A_job_whose_rounds_are_done_is_only_measured()
    {
        var context = new RecordingContext(TwoRounds, new GlobalModel(2, Weights(5, 5)), request => [Result("a", request, MessageKind.Weights, 0, null)]);
        await new FedAvg().RunAsync(context, Cancel);
        context.Calls.ShouldBe(["evaluate 3.0 with 2", "loss of 2"]);
    }

    [Fact]
    public async Task Weights_are_averaged_by_samples_into_the_next_model()
    {
        var context = new RecordingContext(TwoRounds with { Rounds = 1 }, Initial, request =>
        [
            Result("a", request, MessageKind.Weights, 30, Weights(4, 8)),
            Result("b", request, MessageKind.Weights, 10, Weights(8, -8)),
        ]);
        await new FedAvg().RunAsync(context, Cancel);
        context.Saved[1].ShouldBe([5f, 4f]);
    }

    [Fact]
    public async Task Changes_are_averaged_by_samples_and_added_to_the_model_that_was_sent()
    {
        var context = new RecordingContext(TwoRounds, Initial, request =>
        [
            Result("a", request, MessageKind.Delta, 30, Weights(4, 8)),
            Result("b", request, MessageKind.Delta, 10, Weights(8, -8)),
        ]);
        await new FedAvg().RunAsync(context, Cancel);
        context.Saved[1].ShouldBe([1f + 5f, 2f + 4f]);
        context.Saved[2].ShouldBe([1f + 10f, 2f + 8f]);
    }

    [Fact]
    public async Task Losses_are_weighted_by_held_out_tokens_and_not_by_sites()
    {
        var context = new RecordingContext(TwoRounds with { Rounds = 1 }, Initial, request =>
        [
            Result("a", request, MessageKind.Weights, 1, Weights(0, 0), loss: 2, tokens: 300),
            Result("b", request, MessageKind.Weights, 1, Weights(0, 0), loss: 6, tokens: 100),
        ]);
        await new FedAvg().RunAsync(context, Cancel);
        context.Losses[0].ShouldBe(3, tolerance: 1e-12);
        context.Losses[1].ShouldBe(3, tolerance: 1e-12);
    }

    [Theory]
    [InlineData(MetricNames.HeldOutTokens)]
    [InlineData(MetricNames.ReceivedLoss)]
    public async Task A_result_without_the_figures_of_the_held_out_loss_fails_the_job_with_site_and_figure(string missing)
    {
        var context = new RecordingContext(TwoRounds, Initial, request =>
        {
            SiteResult whole = Result("b", request, MessageKind.Weights, 1, Weights(0, 0));
            return [Result("a", request, MessageKind.Weights, 1, Weights(0, 0)), whole with { Metrics = whole.Metrics.Where(metric => metric.Key != missing).ToDictionary() }];
        });
        JobFailedException failed = await Should.ThrowAsync<JobFailedException>(new FedAvg().RunAsync(context, Cancel));
        failed.Message.ShouldContain("round 1");
        failed.Message.ShouldContain("'b'");
        failed.Message.ShouldContain(missing);
    }

    [Fact]
    public async Task Results_that_held_nothing_out_fail_the_job_instead_of_dividing_by_zero()
    {
        var context = new RecordingContext(TwoRounds, Initial, request => [Result("a", request, MessageKind.Weights, 1, Weights(0, 0), loss: 2, tokens: 0)]);
        (await Should.ThrowAsync<JobFailedException>(new FedAvg().RunAsync(context, Cancel))).Message.ShouldContain(MetricNames.HeldOutTokens);
    }

    [Fact]
    public void The_workflow_is_found_by_the_name_that_job_files_use()
    {
        Controllers.Names.ShouldContain("fedavg");
        Controllers.Create("fedavg").ShouldBeOfType<FedAvg>();
    }

    private static MemorySource Weights(params float[] values) => new(MemorySource.F32("w", [values.Length], values));

    private static SiteResult Result(
        string site, TaskRequest request, MessageKind kind, long samples, TensorSource? update, double loss = 1, double tokens = 10) =>
        new(site, request.Task == TaskNames.Train ? update : null, kind, samples, new Dictionary<string, double>
        {
            [MetricNames.ReceivedLoss] = loss,
            [MetricNames.HeldOutTokens] = tokens,
        }, request.Round);
}
