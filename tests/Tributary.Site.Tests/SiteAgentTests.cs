using System.Threading.Channels;
using Tributary.Federation.Jobs;
using Tributary.Federation.Rounds;
using Tributary.Federation.Tasks;
using Tributary.Federation.Workflows;
using Tributary.Server;
using Tributary.Site.Tests.Harness;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Site.Tests;

public sealed class SiteAgentTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task While_an_executor_works_the_server_hears_how_far_it_is_and_goes_on_hearing_when_there_is_no_news()
    {
        await using TestServer server = await TestServer.StartAsync();
        var heard = new TaskCompletionSource();
        var executor = new ScriptedExecutor(async (task, progress, token) =>
        {
            progress.Report(new TaskProgress(TaskPhase.Training, 3, 10, 0.5, 4100));
            await heard.Task.WaitAsync(token);
            return ScriptedExecutor.Same(task);
        });
        await using var agent = new RunningAgent(server.Server.Address, executor);
        (Task<JobRecord> job, ChannelReader<JobEvent> events) = server.Run(TestServer.Job("a"));
        for (int signs = 0; signs < 4;)
        {
            if (await events.ReadAsync(Cancel) is SiteProgressed { Site: "a", Round: 1 } said && said.Progress == new TaskProgress(TaskPhase.Training, 3, 10, 0.5, 4100))
            {
                signs++;
            }
        }

        heard.SetResult();
        await job;
    }

    [Fact]
    public async Task A_loss_that_is_no_number_does_not_silence_the_agent()
    {
        await using TestServer server = await TestServer.StartAsync();
        var heard = new TaskCompletionSource();
        var executor = new ScriptedExecutor(async (task, progress, token) =>
        {
            progress.Report(new TaskProgress(TaskPhase.Training, 4, 10, double.NaN));
            await heard.Task.WaitAsync(token);
            return ScriptedExecutor.Same(task);
        });
        await using var agent = new RunningAgent(server.Server.Address, executor);
        (Task<JobRecord> job, ChannelReader<JobEvent> events) = server.Run(TestServer.Job("a"));
        while (await events.ReadAsync(Cancel) is not SiteProgressed { Progress: { Phase: TaskPhase.Training, Done: 4, Loss: null } })
        {
        }

        heard.SetResult();
        await job;
    }

    public static TheoryData<Exception, string> Failures => new()
    {
        { new TaskFailedException("the disk is full; make room"), "the disk is full; make room" },
        { new InvalidOperationException("a bug in the executor"), "a bug in the executor" },
        { new OperationCanceledException("the executor's own time is over"), "the executor's own time is over" },
    };

    [Theory]
    [MemberData(nameof(Failures))]
    public async Task What_an_executor_throws_is_told_to_the_server_and_the_agent_stays(Exception thrown, string reason)
    {
        (string message, bool ended) = await FailureAsync(new ScriptedExecutor((_, _, _) => throw thrown), TestServer.Job("a"));
        message.ShouldBe($"round 1 (train): site 'a' failed: {reason}");
        ended.ShouldBeFalse();
    }

    public static TheoryData<string, (TensorSpec, byte[])[], string> WrongModels => new()
    {
        { "nf4", [MemorySource.F32("w", [3], 1, 2, 3)], "'b' is missing" },
        { "nf4", [MemorySource.F32("w", [3], 1, 2, 3), MemorySource.F32("b", [1], 1)], "'b' is F32[1], but should be F32[2]" },
        { "nf4", [MemorySource.F32("w", [3], 1, 2, 3), MemorySource.F32("b", [2], 1, 2), MemorySource.F32("lora", [1], 1)], "'lora' is not one of the model's" },
        { "nf4", [MemorySource.F32("w", [3], 1, float.NaN, 3), MemorySource.F32("b", [2], 1, 2)], "'w' is NaN at element 1" },
        { "nf4", [MemorySource.F32("w", [3], 1, 2, 3), MemorySource.F32("b", [2], 1, float.PositiveInfinity)], "'b' is" },
        { "fp32", [MemorySource.F32("w", [3], 1, 2, 3)], "'b' is missing" },
    };

    [Theory]
    [MemberData(nameof(WrongModels))]
    public async Task A_trained_model_that_cannot_be_sent_is_told_with_the_tensors_name(string precision, (TensorSpec, byte[])[] tensors, string expected)
    {
        foreach (Exchange exchange in Enum.GetValues<Exchange>())
        {
            Job job = TestServer.Job("a") with { Precision = new JobPrecision("fp32", precision), Exchange = exchange };
            (string message, bool ended) = await FailureAsync(ScriptedExecutor.Returning(tensors), job);
            message.ShouldContain("site 'a' failed: ");
            message.ShouldContain(expected);
            ended.ShouldBeFalse();
        }
    }

    [Fact]
    public async Task A_figure_that_is_no_number_is_told_by_its_name()
    {
        var executor = new ScriptedExecutor((task, _, _) => Task.FromResult(
            ScriptedExecutor.Same(task) with { Metrics = new Dictionary<string, double>(ScriptedExecutor.Metrics) { ["train_loss"] = double.NaN } }));
        (await FailureAsync(executor, TestServer.Job("a"))).Message.ShouldContain("'train_loss' is NaN");
    }

    [Fact]
    public async Task Work_that_the_server_no_longer_wants_is_cancelled_and_the_agent_takes_the_next_task()
    {
        await using TestServer server = await TestServer.StartAsync();
        var working = new TaskCompletionSource();
        var cancelled = new TaskCompletionSource();
        int tasks = 0;
        var patient = new ScriptedExecutor(async (task, _, token) =>
        {
            if (Interlocked.Increment(ref tasks) == 1)
            {
                working.SetResult();
                await Task.Delay(Timeout.Infinite, token).ContinueWith(_ => cancelled.SetResult(), TaskScheduler.Default);
                token.ThrowIfCancellationRequested();
            }

            return ScriptedExecutor.Same(task);
        });
        var failing = new ScriptedExecutor(async (_, _, token) =>
        {
            await working.Task.WaitAsync(token);
            throw new TaskFailedException("no more");
        });
        await using var a = new RunningAgent(server.Server.Address, patient);
        await using (var b = new RunningAgent(server.Server.Address, failing, "b"))
        {
            (await Should.ThrowAsync<JobFailedException>(server.Run(TestServer.Job("a", "b")).Job)).Message.ShouldContain("site 'b' failed: no more");
        }

        await cancelled.Task.WaitAsync(Cancel);
        await server.Run(TestServer.Job("a") with { Name = "next" }).Job;
        a.Ended.IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task A_message_whose_digest_is_not_the_announced_one_is_refused_and_never_trained_on()
    {
        string wrong = "sha256:" + new string('0', 64);
        await using StubServer stub = await StubServer.StartAsync(task => task with { Message = task.Message with { Digest = wrong } });
        bool executed = false;
        var executor = new ScriptedExecutor((task, _, _) =>
        {
            executed = true;
            return Task.FromResult(ScriptedExecutor.Same(task));
        });
        await using var agent = new RunningAgent(stub.Address, executor);
        (string what, string body) = await stub.Taken.Task.WaitAsync(Cancel);
        what.ShouldBe("failure");
        body.ShouldContain(wrong);
        executed.ShouldBeFalse();
    }

    [Fact]
    public async Task A_change_against_a_model_that_is_not_held_and_not_offered_is_refused()
    {
        await using StubServer stub = await StubServer.StartAsync(task => task with
        {
            Job = task.Job with { Exchange = Exchange.Delta },
            Message = task.Message with { Meaning = new Federation.Messages.MessageMeaning(Federation.Messages.MessageKind.Delta, "sha256:elsewhere", "fp32") },
        });
        await using var agent = new RunningAgent(stub.Address, ScriptedExecutor.Obedient());
        (string what, string body) = await stub.Taken.Task.WaitAsync(Cancel);
        what.ShouldBe("failure");
        body.ShouldContain("sha256:elsewhere");
        body.ShouldContain("no model is held here");
    }

    /// <summary>Runs a job that fails; gives its reason, and whether the agent has ended with it.</summary>
    private static async Task<(string Message, bool AgentEnded)> FailureAsync(Executor executor, Job job)
    {
        await using TestServer server = await TestServer.StartAsync();
        await using var agent = new RunningAgent(server.Server.Address, executor);
        JobFailedException failed = await Should.ThrowAsync<JobFailedException>(server.Run(job).Job);
        return (failed.Message, agent.Ended.IsCompleted);
    }
}
