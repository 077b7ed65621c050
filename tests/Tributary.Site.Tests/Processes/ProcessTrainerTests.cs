using Tributary.Codecs;
using Tributary.Codecs.Messages;
using Tributary.Federation.Jobs;
using Tributary.Federation.Tasks;
using Tributary.Site.Tests.Harness;
using Tributary.Tensors;
using Tributary.Tensors.Checkpoints;
using Tributary.TestKit;

namespace Tributary.Site.Tests.Processes;

/// <summary>A script that trains as people's scripts do, with python/tributary.py: what it loses or bends, a site's work loses.</summary>
public sealed class ProcessTrainerTests
{
    /// <summary>Adds 1 to each float of w.</summary>
    private const string Adds = """
        import array, os, sys
        import tributary
        def add(raw, amount): return tributary.Raw(raw.dtype, raw.shape, array.array("f", [value + amount for value in raw.data.cast("f")]).tobytes())
        METRICS = {"received_loss": 2.5, "held_out_tokens": 10, "pid": os.getpid()}

        """;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Or adapters are trained beside weights that they do not fit, and the sites' mean of them is worth nothing.</summary>
    [Fact]
    public async Task Adapters_for_another_base_than_the_sites_own_are_refused_before_the_script_hears_of_them()
    {
        using var trainer = new PythonTrainer("raise SystemExit('asked')");
        Job Lora(string digest) => PythonTrainer.Job() with { Train = PythonTrainer.Job().Train with { Lora = new JobLora { Base = digest } } };
        Task<TaskResult> Train(string digest) => trainer.DoAsync(new TaskData(TaskNames.Train, Lora(digest), 1, 0, PythonTrainer.Model()));

        string other = "sha256:" + new string('0', 64);
        (await Should.ThrowAsync<TaskFailedException>(Train(other))).Message.ShouldStartWith("the base of the job's adapters cannot be read from ");

        using MemorySource known = new(MemorySource.F32("w", [2], 1, 2));
        CheckpointWriter.Write(known, trainer.Checkpoint, shardBytesMax: 1 << 20, Cancel);
        string digest = CheckpointDigest.Of(known, Cancel);
        (await Should.ThrowAsync<TaskFailedException>(Train(other))).Message.ShouldContain($"for a base with the digest {other}, but {trainer.Checkpoint} has {digest}");
        (await Should.ThrowAsync<TaskFailedException>(Train(digest))).Message.ShouldContain("asked");
    }

    [Fact]
    public async Task A_model_comes_back_trained_with_its_figures()
    {
        using var trainer = new PythonTrainer(Adds + """
            for task in tributary.tasks():
                state = {name: add(raw, 1) for name, raw in task.tensors().items()}
                task.log(step=1, steps=2, loss=4, tokens_per_second=300)
                task.log(step=2, steps=2, loss=3)
                task.send(state, samples=7, metrics=METRICS)
            """);
        TaskResult result = await trainer.TrainAsync();
        result.Samples.ShouldBe(7);
        result.Model!.Manifest.Select(entry => entry.Spec.Name).ShouldBe(["w", "b"]);
        result.Model.ReadFloats("w").ShouldBe([2, 3, 4]);
        result.Model.ReadFloats("b").ShouldBe([1.5f, 0.5f]);
        result.Metrics[MetricNames.ReceivedLoss].ShouldBe(2.5);
        result.Metrics[MetricNames.TrainLoss].ShouldBe(3.5, "what was told on the way is kept");
        result.Metrics[MetricNames.TokensPerSecond].ShouldBe(300);
        result.Metrics[MetricNames.Steps].ShouldBe(2);
        result.Metrics.ContainsKey(MetricNames.TrainSeconds).ShouldBeTrue();
        (await trainer.UntilProgressAsync()).ShouldBe(new TaskProgress(TaskPhase.Training, 1, 2, 4, 300));
        (await trainer.UntilProgressAsync()).ShouldBe(new TaskProgress(TaskPhase.Training, 2, 2, 3, 300));
    }

    [Fact]
    public async Task What_it_does_not_return_stays_as_received()
    {
        using var trainer = new PythonTrainer(Adds + "for task in tributary.tasks(): task.send({'w': add(task.tensors()['w'], 1)}, samples=1)");
        TaskResult result = await trainer.TrainAsync();
        result.Model!.Manifest.Select(entry => entry.Spec.Name).ShouldBe(["w", "b"]);
        result.Model.ReadFloats("w").ShouldBe([2, 3, 4]);
        result.Model.ReadFloats("b").ShouldBe([0.5f, -0.5f]);
    }

    [Theory]
    [InlineData("{name: add(raw, -raw.data.cast('f')[0] + 10) for name, raw in task.tensors().items()}", new float[] { 11, 13, 15 }, new float[] { 10.5f, 8.5f })]
    [InlineData("{'w': task.tensors()['w']}", new float[] { 2, 4, 6 }, new float[] { 0.5f, -0.5f })]
    public async Task Changes_are_added_to_what_was_received(string changes, float[] w, float[] b)
    {
        using var trainer = new PythonTrainer(Adds + $"for task in tributary.tasks(): task.send({changes}, samples=1, delta=True)");
        TaskResult result = await trainer.TrainAsync();
        result.Model!.ReadFloats("w").ShouldBe(w);
        result.Model!.ReadFloats("b").ShouldBe(b);
    }

    [Fact]
    public async Task An_evaluation_returns_figures_alone()
    {
        using var trainer = new PythonTrainer(Adds + "for task in tributary.tasks(): assert task.name == 'evaluate'; task.send(metrics=METRICS)");
        TaskResult result = await trainer.DoAsync(new TaskData(TaskNames.Evaluate, PythonTrainer.Job(), 9, 0, PythonTrainer.Model()));
        result.Model.ShouldBeNull();
        result.Metrics[MetricNames.ReceivedLoss].ShouldBe(2.5);
        result.Metrics.ContainsKey(MetricNames.TrainLoss).ShouldBeFalse();
    }

    [Fact]
    public async Task It_is_told_all_that_it_needs()
    {
        using var trainer = new PythonTrainer(Adds + """
            for task in tributary.tasks():
                assert (task.name, task.job, task.site, task.round, task.step) == ("evaluate", "demo", "a", 3, 1), vars(task)
                assert task.data.endswith("/data.jsonl") and task.records == 7 and task.checkpoint.endswith("/checkpoint"), vars(task)
                assert task.held_out == 0.1 and task.held_out_data.endswith("/held_out.jsonl") and task.seed == 1, vars(task)
                assert task.rounds == 5, vars(task)
                assert task.train == dict(
                    epochs=1, batch_size=8, gradient_accumulation=2, sequence_length=256, template="chat", learning_rate=1e-3, schedule="cosine", warmup_steps=0, warmup_ratio=0.1,
                    weight_decay=0.01, decay="matrices", clip_norm=1, proximal_mu=0.5, optimizer_state="keep", early_stop={"patience": 2, "every": 20},
                    checkpoint_every=7, freeze=None, lora=dict(rank=4, alpha=16, targets=["q_proj", "v_proj"], dropout=0, base=None)), task.train
                assert task.options == {"rank": 8, "target": ["q", {"k": None}]}, task.options
                assert os.listdir(task.folder) == [os.path.basename(task.model_path)], os.listdir(task.folder)
                task.send(metrics=METRICS)
            """);
        Job job = PythonTrainer.Job(("rank", "8"), ("target", """["q", {"k": null}]"""));
        job = job with
        {
            Train = job.Train with
            {
                GradientAccumulation = 2,
                Schedule = JobSchedule.Cosine,
                WarmupRatio = 0.1,
                Decay = JobDecay.Matrices,
                ProximalMu = 0.5,
                OptimizerState = OptimizerState.Keep,
                EarlyStop = new JobEarlyStop(2, 20),
                CheckpointEvery = 7,
                Template = RecordTemplate.Chat,
                Lora = new JobLora { Rank = 4 },
            },
        };
        await trainer.DoAsync(new TaskData(TaskNames.Evaluate, job, 3, 1, PythonTrainer.Model()));
    }

    [Theory]
    [InlineData(TrainerLifetime.Job, true)]
    [InlineData(TrainerLifetime.Task, false)]
    public async Task It_keeps_what_it_has_loaded_between_rounds_unless_the_site_says_otherwise(TrainerLifetime lifetime, bool same)
    {
        using var trainer = new PythonTrainer(Adds + "for task in tributary.tasks(): task.send({'w': add(task.tensors()['w'], task.round)}, samples=1, metrics=METRICS)", lifetime: lifetime);
        TaskResult first = await trainer.TrainAsync();
        (double id, float[] values) = (first.Metrics["pid"], first.Model!.ReadFloats("w"));
        values.ShouldBe([2, 3, 4]);
        Directory.Exists($"/proc/{id}").ShouldBe(same);
        TaskResult second = await trainer.TrainAsync(round: 2);
        second.Model!.ReadFloats("w").ShouldBe([3, 4, 5]);
        (second.Metrics["pid"] == id).ShouldBe(same);
    }

    [Fact]
    public async Task What_it_and_its_children_print_goes_to_the_sites_log_and_breaks_nothing()
    {
        using var trainer = new PythonTrainer(Adds + """
            print("loading")
            for task in tributary.tasks():
                print("epoch 1")
                os.system("echo compiled")
                task.send(metrics=METRICS)
            """);
        await trainer.DoAsync(new TaskData(TaskNames.Evaluate, PythonTrainer.Job(), 1, 0, PythonTrainer.Model()));
        trainer.Trainer.Dispose();
        trainer.Log.Split('\n').ShouldBe(["loading", "epoch 1", "compiled", ""]);
    }

    [Theory]
    [InlineData("fp32", true)]
    [InlineData("nf4", false)]
    public async Task A_model_that_lies_in_a_plain_file_is_not_written_again(string precision, bool handedOver)
    {
        using var folder = new TempFolder();
        MessageFile.Plan(new QuantizedSource(PythonTrainer.Model(), Precision.Parse(precision))).WriteFile(folder["message.safetensors"], Cancel);
        using var message = MessageFile.Open(folder["message.safetensors"]);
        using var trainer = new PythonTrainer(Adds + "for task in tributary.tasks(): task.send({'w': task.tensors()['w']}, samples=1); print(task.model_path)");
        using var model = new DequantizedSource(message);
        TaskResult result = await trainer.TrainAsync(model);
        result.Model!.ReadTensor("w").ShouldBe(model.ReadTensor("w"));
        trainer.Trainer.Dispose();
        (trainer.Log.Trim() == folder["message.safetensors"]).ShouldBe(handedOver);
    }

    [Fact]
    public async Task A_script_that_cannot_do_a_task_says_why_and_lives_on()
    {
        using var trainer = new PythonTrainer(Adds + """
            for task in tributary.tasks():
                if task.round == 1:
                    task.fail("no records after 2024; look at data.jsonl")
                elif task.round == 3:
                    task.send({"w": task.tensors()["w"]}, samples=1, metrics=METRICS)
            """);
        (await Should.ThrowAsync<TaskFailedException>(trainer.TrainAsync())).Message.ShouldStartWith("the trainer 'python' reports: no records after 2024; look at data.jsonl");
        int id = trainer.Trainer.ProcessId!.Value;
        (await Should.ThrowAsync<TaskFailedException>(trainer.TrainAsync(round: 2))).Message.ShouldContain("without task.send(...)");
        (await trainer.TrainAsync(round: 3)).Metrics["pid"].ShouldBe(id);
    }

    [Fact]
    public async Task A_script_that_looks_whether_its_task_is_still_wanted_does_the_next_one_in_the_same_process()
    {
        using var trainer = new PythonTrainer(Adds + """
            for task in tributary.tasks():
                while task.round == 1 and not task.aborted:
                    task.log(step=1)
                if not task.aborted:
                    task.send({"w": task.tensors()["w"]}, samples=1, metrics=METRICS)
            """);
        using var unwanted = new CancellationTokenSource();
        Task<TaskResult> task = trainer.TrainAsync(cancellationToken: unwanted.Token);
        await trainer.UntilProgressAsync();
        int id = trainer.Trainer.ProcessId!.Value;
        await unwanted.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(task);
        (await trainer.TrainAsync(round: 2)).Metrics["pid"].ShouldBe(id);
    }

    [Theory]
    [InlineData("other", "rank", "the job asks for the trainer 'other', but this site was started with 'python'")]
    [InlineData("python", "command", "the trainer 'python' does not let a job set 'command'; it allows rank, target")]
    public async Task A_server_cannot_ask_a_site_for_what_it_does_not_offer(string name, string option, string reason)
    {
        using var trainer = new PythonTrainer("raise SystemExit('was started')");
        Job job = PythonTrainer.Job((option, "1"));
        job = job with { Train = job.Train with { Trainer = name } };
        TaskFailedException refused = await Should.ThrowAsync<TaskFailedException>(trainer.DoAsync(new TaskData(TaskNames.Train, job, 1, 0, PythonTrainer.Model())));
        refused.Message.ShouldBe(reason);
        trainer.Trainer.ProcessId.ShouldBeNull();
    }

    [Fact]
    public async Task Under_torchrun_the_first_rank_alone_talks()
    {
        // The other ranks share stdin and stdout with the first; one that spoke, printed or read would break the protocol.
        using var trainer = new PythonTrainer("""
            import os, subprocess, sys
            if "RANK" not in os.environ:
                ranks = [subprocess.Popen([sys.executable, "-SB", __file__], env={**os.environ, "RANK": str(rank)}) for rank in (1, 0)]
                sys.exit(max(rank.wait() for rank in ranks))
            import tributary
            print("rank", os.environ["RANK"])
            if os.environ["RANK"] == "0":
                for task in tributary.tasks(): task.send(metrics={"received_loss": 1})
            else:
                document = dict.fromkeys("name job site round step model folder checkpoint data records held_out held_out_data seed rounds train options".split())
                task = tributary.Task({"task": 1, **document}, tributary._channel)
                task.log(step=1); task.send({}, samples=1)
            """);
        TaskResult result = await trainer.DoAsync(new TaskData(TaskNames.Evaluate, PythonTrainer.Job(), 1, 0, PythonTrainer.Model()));
        result.Metrics[MetricNames.ReceivedLoss].ShouldBe(1);
    }
}
