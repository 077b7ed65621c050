using Tributary.Federation.Aggregation;
using Tributary.Federation.Jobs;
using Tributary.Federation.Messages;
using Tributary.Federation.Tasks;
using Tributary.Federation.Workflows;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Federation.Tests.Workflows;

/// <summary>The server's half of SCAFFOLD: a wrong control variate would pull every site the wrong way, and nobody would see why.</summary>
public sealed class ScaffoldTests
{
    private static readonly Job Job = new() { Name = "j", Sites = ["a", "b", "c", "d"], Rounds = 2, Workflow = Scaffold.Name };

    [Theory]
    [InlineData(MessageKind.Delta)]
    [InlineData(MessageKind.Weights)]
    public async Task The_model_moves_by_the_weighted_mean_and_the_control_variate_by_the_sum_over_all_sites(MessageKind kind)
    {
        var sent = new List<float[]>();
        var context = new RecordingContext(Job, new GlobalModel(0, Source(10, 20)), request =>
        {
            if (request.Task == TaskNames.Evaluate)
            {
                return [Result("a", request, null, kind)];
            }

            sent.Add([.. request.Model.Weights.ReadFloats("w"), .. request.Model.Weights.ReadFloats("scaffold.control.w")]);
            return [Result("a", request, Change(request, kind, [1, 2], [4, 8]), kind, 1), Result("b", request, Change(request, kind, [5, 6], [8, 8]), kind, 3)];
        });
        await new Scaffold().RunAsync(context, TestContext.Current.CancellationToken);

        // Of four sites two answered: the control variate moves by (4 + 8) / 4 and (8 + 8) / 4.
        sent[0].ShouldBe([10, 20, 0, 0]);
        sent[1].ShouldBe([14, 25, 3, 4]);
        context.Saved[2].ShouldBe([18, 30]);
        context.FindKept(2, "control")!.ReadFloats("w").ShouldBe([6, 8]);
        context.Calls.ShouldBe([
            "train 1.0 with 0", "loss of 0", "keep control of 1", "save 1", "train 2.0 with 1", "loss of 1", "keep control of 2", "save 2", "evaluate 3.0 with 2", "loss of 2"]);
    }

    [Fact]
    public async Task A_control_variate_that_is_gone_ends_the_job_instead_of_beginning_again_from_zero()
    {
        var context = new RecordingContext(Job, new GlobalModel(1, Source(1, 2)), _ => []);
        (await Should.ThrowAsync<JobFailedException>(new Scaffold().RunAsync(context, TestContext.Current.CancellationToken))).Message.ShouldContain("control variate of round 1 is gone");
    }

    private static MemorySource Source(params float[] values) => new(MemorySource.F32("w", [values.Length], values));

    private static JoinedSource Change(TaskRequest request, MessageKind kind, float[] model, float[] control)
    {
        var change = new JoinedSource(Source(model), Source(control), Scaffold.ControlPrefix);
        return kind == MessageKind.Delta
            ? change
            : new JoinedSource(
                new AppliedDelta(JoinedSource.ModelOf(request.Model.Weights, Scaffold.ControlPrefix), Source(model)),
                new AppliedDelta(JoinedSource.CompanionOf(request.Model.Weights, Scaffold.ControlPrefix), Source(control)),
                Scaffold.ControlPrefix);
    }

    private static SiteResult Result(string site, TaskRequest request, TensorSource? update, MessageKind kind, long samples = 0) => new(
        site, update, kind, samples, new Dictionary<string, double> { [MetricNames.ReceivedLoss] = 1, [MetricNames.HeldOutTokens] = 10 }, request.Round);
}
