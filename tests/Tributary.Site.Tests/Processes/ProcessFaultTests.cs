using System.Globalization;
using System.Threading.Channels;
using Tributary.Federation.Jobs;
using Tributary.Federation.Rounds;
using Tributary.Federation.Tasks;
using Tributary.Federation.Workflows;
using Tributary.Server;
using Tributary.Site.Processes;
using Tributary.Site.Tests.Harness;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Site.Tests.Processes;

/// <summary>
/// Whatever a trainer's process does, its owner reads what it did and its last words, nothing of it stays behind, and the site's next task
/// is done.
/// </summary>
public sealed class ProcessFaultTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_process_that_exits_is_told_with_its_code_and_the_last_it_wrote()
    {
        string reason = await ReasonAsync("hear(); [print('line', i, file=sys.stderr) for i in range(40)]; sys.exit(3)");
        reason.ShouldStartWith("the trainer 'python' ended with exit code 3; the last that it wrote on stderr:");
        reason.ShouldContain("line 39");
        reason.ShouldContain("line 20");
        reason.ShouldNotContain("line 19", customMessage: "a reason that is longer than a screen is not read");
    }

    [Fact]
    public async Task A_traceback_is_told() =>
        (await ReasonAsync("hear(); raise RuntimeError('CUDA out of memory')")).ShouldContain("RuntimeError: CUDA out of memory");

    [Fact]
    public async Task A_process_that_the_system_kills_is_told_with_the_signal() =>
        (await ReasonAsync("hear(); os.kill(os.getpid(), 9)")).ShouldBe("the trainer 'python' was killed by signal 9; it wrote nothing on stderr");

    [Fact]
    public async Task A_command_that_is_not_there_is_told_with_its_name()
    {
        using var trainer = new PythonTrainer(string.Empty, command: "pyhton3");
        TaskFailedException failed = await Should.ThrowAsync<TaskFailedException>(trainer.TrainAsync());
        failed.Message.ShouldContain("ended with exit code 127");
        failed.Message.ShouldContain("pyhton3");
    }

    [Theory]
    [InlineData("print('loading the model'); hear()", "wrote a line on stdout that is no message of the protocol: loading the model")]
    [InlineData("hear(); say(type='fitted', task=1)", "wrote a line on stdout that is no message of the protocol: {\"type\": \"fitted\", \"task\": 1}")]
    [InlineData("hear(); sys.stdout.write('x' * 30_000_000)", "wrote a line on stdout that is no message of the protocol: xxx")]
    [InlineData("hear(); say(type='result', task=9, metrics={})", "said something that is not about task 1")]
    [InlineData("say(type='ready', protocol=1); hear()", "said something that is not about task 1")]
    [InlineData("answer(hear())", "returned a file that is no safetensors file")]
    [InlineData("t = hear(); open(t['folder'] + '/out.safetensors', 'w').write('no tensors'); answer(t)", "returned a file that is no safetensors file")]
    [InlineData("answer(hear(), model='../../out.safetensors')", "which does not lie in the task's folder")]
    [InlineData("t = hear(); write(t, name='v'); answer(t)", "returned a tensor 'v', which is not one of the model's")]
    [InlineData("t = hear(); write(t, shape=[3, 1]); answer(t)", "returned another model than it was given: tensor 'w' is F32[3, 1], but should be F32[3]")]
    [InlineData("t = hear(); write(t, dtype='I32'); answer(t)", "tensor 'w' is I32[3], but should be F32[3]")]
    [InlineData("t = hear(); write(t, data=struct.pack('<3f', 1, float('nan'), 2)); answer(t)", "returned NaN at element 1 of tensor 'w'")]
    [InlineData("t = hear(); write(t, data=struct.pack('<3f', 1, 2, float('inf'))); answer(t)", "returned Infinity at element 2 of tensor 'w'")]
    [InlineData("t = hear(); write(t); answer(t, metrics={'local_loss': 'NaN'})", "returned NaN as the figure 'local_loss'")]
    [InlineData("t = hear(); write(t); answer(t, samples=0)", "trained on 0 samples")]
    [InlineData("answer(hear(), model=None)", "returned no model from the task 'train'")]
    [InlineData("hear(); os.close(1); time.sleep(1000)", "closed its stdin or stdout without ending")]
    public async Task What_it_should_not_say_or_return_is_named_and_it_is_killed(string script, string reason) =>
        (await ReasonAsync("print('last words', file=sys.stderr, flush=True); " + script)).ShouldSatisfyAllConditions(
            said => said.ShouldContain(reason),
            said => said.ShouldContain("last words"));

    [Fact]
    public async Task A_process_that_speaks_another_version_is_refused_before_it_gets_a_task()
    {
        using var trainer = new PythonTrainer(PythonTrainer.BareHands.Replace("protocol=1", "protocol=2", StringComparison.Ordinal) + "time.sleep(1000)");
        (await Should.ThrowAsync<TaskFailedException>(trainer.TrainAsync())).Message.ShouldContain("speaks version 2 of the protocol");
    }

    [Theory]
    [InlineData("time.sleep(1000)")]
    [InlineData("print('stuck in step 1', file=sys.stderr, flush=True); hear(); time.sleep(1000)")]
    public async Task A_process_that_hangs_is_killed_after_the_sites_timeout(string script)
    {
        var time = new ManualTime();
        using var trainer = new PythonTrainer(PythonTrainer.BareHands + script, time);
        Task<TaskResult> task = trainer.TrainAsync();
        await time.UntilTimerAsync(TimeSpan.FromSeconds(PythonTrainer.Seconds), Cancel);
        int id = trainer.Trainer.ProcessId!.Value;
        time.Advance(TimeSpan.FromSeconds(PythonTrainer.Seconds));
        (await Should.ThrowAsync<TaskFailedException>(task)).Message.ShouldContain("has said nothing for 100 s");
        Exists(id).ShouldBeFalse("a process that hangs holds its GPU");
    }

    [Fact]
    public async Task A_process_that_says_how_far_it_is_may_take_longer_than_the_timeout()
    {
        var time = new ManualTime();
        const string Script = """
            os.mkfifo("go"); t = hear()
            for step in (1, 2):
                say(type="progress", task=1, step=step)
                open("go").read()
            write(t); answer(t)
            """;
        using var trainer = new PythonTrainer(PythonTrainer.BareHands + Script, time);
        Task<TaskResult> task = trainer.TrainAsync();
        for (int step = 1; step <= 2; step++)
        {
            (await trainer.UntilProgressAsync()).Done.ShouldBe(step);
            time.Advance(TimeSpan.FromSeconds(PythonTrainer.Seconds - 1));
            await File.WriteAllTextAsync(trainer["go"], string.Empty, Cancel);
        }

        (await task).Samples.ShouldBe(1);
    }

    [Fact]
    public async Task A_result_counts_though_its_process_dies_before_the_site_has_sent_it_and_the_next_task_gets_another_process()
    {
        using var trainer = new PythonTrainer(PythonTrainer.BareHands + "t = hear(); write(t); answer(t); os.kill(os.getpid(), 9)");
        TaskResult first = await trainer.TrainAsync();
        int id = (int)first.Metrics["pid"];
        while (Exists(id))
        {
            await Task.Yield();
        }

        first.Model!.ReadFloats("w").ShouldBe([2, 3, 4]);
        TaskResult second = await trainer.TrainAsync(round: 2);
        second.Metrics["pid"].ShouldNotBe(id);
        second.Model!.ReadFloats("w").ShouldBe([2, 3, 4]);
        trainer.Log.ShouldContain("ended between two tasks; it is started again");
    }

    [Fact]
    public async Task After_a_fault_the_next_task_is_done_by_a_new_process()
    {
        using var trainer = new PythonTrainer(PythonTrainer.BareHands + "t = hear(); t['round'] == 1 and sys.exit(1); write(t); answer(t)");
        await Should.ThrowAsync<TaskFailedException>(trainer.TrainAsync());
        trainer.Trainer.ProcessId.ShouldBeNull();
        (await trainer.TrainAsync(round: 2)).Model!.ReadFloats("w").ShouldBe([2, 3, 4]);
    }

    [Fact]
    public async Task A_task_that_is_no_longer_wanted_ends_at_once_where_the_process_listens_and_it_takes_the_next_one()
    {
        using var trainer = new PythonTrainer(
            PythonTrainer.BareHands + "t = hear(); say(type='progress', task=1, step=1); say(type='aborted', task=hear()['task']); t = hear(); write(t); answer(t)");
        int id = await AbortAsync(trainer, time: null);
        (await trainer.TrainAsync(round: 2)).Metrics["pid"].ShouldBe(id, "its CUDA context should have lived on");
    }

    [Fact(Timeout = 60_000)]
    public async Task A_process_that_does_not_give_up_a_task_that_is_no_longer_wanted_is_killed_with_the_processes_it_started()
    {
        var time = new ManualTime();
        using var trainer = new PythonTrainer(
            PythonTrainer.BareHands + "child = os.fork() or time.sleep(1000); hear(); open('child', 'w').write(str(child)); say(type='progress', task=1, step=1); time.sleep(1000)", time);
        int id = await AbortAsync(trainer, time);
        Exists(id).ShouldBeFalse();
        int child = int.Parse(await File.ReadAllTextAsync(trainer["child"], Cancel), CultureInfo.InvariantCulture);
        // A worker that stays behind holds memory and data. It was killed before its parent was; its files are closed a moment before it is gone.
        while (IsAlive(child))
        {
            Cancel.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    [Fact]
    public async Task When_the_site_has_no_more_tasks_the_process_ends_by_itself_and_leaves_nothing()
    {
        var trainer = new PythonTrainer(PythonTrainer.BareHands + "t = hear(); write(t); answer(t); sys.stdin.read(); print('saved the optimizer', file=sys.stderr)");
        int id = (int)(await trainer.TrainAsync()).Metrics["pid"];
        Exists(id).ShouldBeTrue();
        trainer.Trainer.Dispose();
        Exists(id).ShouldBeFalse();
        trainer.Log.ShouldContain("saved the optimizer");
        Directory.Exists(trainer["tasks"]).ShouldBeFalse("models of finished tasks only take space");
        trainer.Dispose();
    }

    [Fact]
    public async Task A_job_whose_trainer_dies_ends_with_the_site_and_the_reason()
    {
        using var trainer = new PythonTrainer(PythonTrainer.BareHands + "hear(); sys.exit('no GPU here')");
        await using TestServer server = await TestServer.StartAsync();
        await using var agent = new RunningAgent(server.Server.Address, trainer.Trainer);
        Task<JobRecord> job = server.Run(PythonTrainer.Job() with { Precision = new JobPrecision("fp32", "fp32") }).Job;
        JobFailedException failed = await Should.ThrowAsync<JobFailedException>(job);
        failed.Message.ShouldContain("'a'");
        failed.Message.ShouldContain("the trainer 'python' ended with exit code 1");
        failed.Message.ShouldContain("no GPU here");
        failed.Message.ShouldEndWith("(in 2 attempts)");
    }

    [Theory]
    [InlineData("os.kill(os.getpid(), 9)")]
    [InlineData("print('Segmentation fault')")]
    [InlineData("write(t, shape=[1, 3]); answer(t)")]
    public async Task A_fault_that_passes_costs_a_try_and_not_the_job(string fault)
    {
        using var trainer = new PythonTrainer(PythonTrainer.BareHands + $$"""
            while line := sys.stdin.readline():
                t = json.loads(line)
                if t["round"] == 2 and not os.path.exists("failed"):
                    open("failed", "w").close(); {{fault}}
                elif t["name"] == "train":
                    write(t); answer(t, metrics={"received_loss": 1, "held_out_tokens": 1})
                else:
                    answer(t, model=None, metrics={"received_loss": 1, "held_out_tokens": 1})
            """);
        await using TestServer server = await TestServer.StartAsync(initial: PythonTrainer.Model());
        await using var agent = new RunningAgent(server.Server.Address, trainer.Trainer);
        (Task<JobRecord> job, ChannelReader<JobEvent> events) = server.Run(PythonTrainer.Job() with { Precision = new JobPrecision("fp32", "fp32"), Rounds = 2 });
        JobRecord record = await job;
        record.Results.Select(result => (result.Round, result.Attempt)).ShouldBe([(1, 1), (2, 2), (3, 1)]);
        var told = new List<JobEvent>();
        while (events.TryRead(out JobEvent? happened))
        {
            told.Add(happened);
        }

        TaskRetried retried = told.OfType<TaskRetried>().ShouldHaveSingleItem();
        (retried.Round, retried.Site).ShouldBe((2, "a"));
        retried.Reason.ShouldStartWith("the trainer 'python' ");
    }

    [Fact]
    public async Task Where_the_job_allows_no_retries_and_where_the_script_itself_says_no_a_task_is_tried_once()
    {
        const string Count = "tries = open('tries', 'a'); t = hear(); tries.write('x'); tries.close(); ";
        using var dies = new PythonTrainer(PythonTrainer.BareHands + Count + "sys.exit(1)");
        (await FailureAsync(dies, retries: 0)).ShouldContain("ended with exit code 1");
        File.ReadAllText(dies["tries"]).ShouldBe("x");
        using var refuses = new PythonTrainer(PythonTrainer.BareHands + Count + "say(type='error', task=t['task'], message='no records'); hear()");
        (await FailureAsync(refuses, retries: 5)).ShouldContain("reports: no records");
        File.ReadAllText(refuses["tries"]).ShouldBe("x");
    }

    [Theory]
    [InlineData("logs")]
    [InlineData("logs/a.log")]
    public async Task A_log_that_cannot_be_written_ends_no_training_and_the_last_lines_are_still_told(string blocked)
    {
        // A file where the folder should be, and a folder where the file should be: neither can be written, not even by root.
        using var trainer = new PythonTrainer(PythonTrainer.BareHands + """
            print("x" * 200_000, "\nepoch 1", file=sys.stderr, flush=True)
            t = hear(); write(t); answer(t); hear(); print("out of memory", file=sys.stderr); sys.exit(1)
            """);
        if (blocked == "logs")
        {
            File.WriteAllText(trainer[blocked], string.Empty);
        }
        else
        {
            Directory.CreateDirectory(trainer[blocked]);
        }

        (await trainer.TrainAsync()).Model!.ReadFloats("w").ShouldBe([2, 3, 4]);
        string reason = (await Should.ThrowAsync<TaskFailedException>(trainer.TrainAsync(round: 2))).Message;
        reason.ShouldContain("out of memory");
        reason.ShouldContain($"[the log {trainer["logs/a.log"]} cannot be written and lacks what follows: ");
    }

    /// <summary>Has a process do a task and gives the reason why it failed, after which nothing of the process is left.</summary>
    private static async Task<string> ReasonAsync(string script)
    {
        using var trainer = new PythonTrainer(PythonTrainer.BareHands.Replace("say(type=\"ready\"", "open('pid', 'w').write(str(os.getpid()))\nsay(type=\"ready\"", StringComparison.Ordinal) + script);
        TaskFailedException failed = await Should.ThrowAsync<TaskFailedException>(trainer.TrainAsync());
        Exists(int.Parse(await File.ReadAllTextAsync(trainer["pid"], Cancel), CultureInfo.InvariantCulture)).ShouldBeFalse("neither a process nor a zombie may stay");
        return failed.Message;
    }

    /// <summary>Runs a job whose trainer fails; gives the reason.</summary>
    private static async Task<string> FailureAsync(PythonTrainer trainer, int retries)
    {
        await using TestServer server = await TestServer.StartAsync();
        await using var agent = new RunningAgent(server.Server.Address, trainer.Trainer);
        Job job = PythonTrainer.Job() with { Precision = new JobPrecision("fp32", "fp32"), TaskRetries = retries };
        return (await Should.ThrowAsync<JobFailedException>(server.Run(job).Job)).Message;
    }

    /// <summary>Cancels a task once the process is at work on it. Gives the process's id.</summary>
    private static async Task<int> AbortAsync(PythonTrainer trainer, ManualTime? time)
    {
        using var unwanted = new CancellationTokenSource();
        Task<TaskResult> task = trainer.TrainAsync(cancellationToken: unwanted.Token);
        await trainer.UntilProgressAsync();
        int id = trainer.Trainer.ProcessId!.Value;
        await unwanted.CancelAsync();
        if (time is not null)
        {
            await time.UntilTimerAsync(TrainerProcess.Grace, Cancel);
            time.Advance(TrainerProcess.Grace);
        }

        await Should.ThrowAsync<OperationCanceledException>(task);
        return id;
    }

    /// <summary>Whether the system still knows a process, be it as a zombie.</summary>
    private static bool Exists(int id) => Directory.Exists($"/proc/{id}");

    /// <summary>Whether a process that is nobody's child runs; until whoever took it over has waited for it, it is a zombie.</summary>
    private static bool IsAlive(int id)
    {
        try
        {
            return !File.ReadAllText($"/proc/{id}/stat").Contains(") Z ", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false;
        }
    }
}
