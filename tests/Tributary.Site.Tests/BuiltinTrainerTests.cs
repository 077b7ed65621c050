using Tributary.Federation.Jobs;
using Tributary.Federation.Tasks;
using Tributary.Site.Tests.Harness;
using Tributary.Tensors;
using Tributary.Tensors.Checkpoints;
using Tributary.TestKit;
using Tributary.Training;

namespace Tributary.Site.Tests;

public sealed class BuiltinTrainerTests : IDisposable
{
    // Few records and small steps: larger ones learn the sixteen by heart, and the held-out loss rises again.
    private static readonly Job Demo = new()
    {
        Name = "demo",
        Sites = ["a"],
        HeldOut = 0.2,
        Train = new JobTraining { Epochs = 2, BatchSize = 4, SequenceLength = 128, LearningRate = 1e-4 },
    };

    private readonly TempFolder _folder = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>A setting, and the job with it.</summary>
    public static TheoryData<string, JobTraining> Settings => new()
    {
        { "gradient_accumulation", Demo.Train with { GradientAccumulation = 2 } },
        { "schedule", Demo.Train with { Schedule = JobSchedule.Linear } },
        { "schedule", Demo.Train with { Schedule = JobSchedule.Cosine } },
        { "warmup_steps", Demo.Train with { WarmupSteps = 12 } },
        { "warmup_ratio", Demo.Train with { WarmupRatio = 0.5 } },
        { "decay", Demo.Train with { Decay = JobDecay.Matrices } },
        { "decay", Demo.Train with { Decay = JobDecay.All } },
        { "proximal_mu", Demo.Train with { ProximalMu = 1 } },
        { "early_stop", Demo.Train with { EarlyStop = new JobEarlyStop(1, 7) } },
    };

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_held_out_loss_falls_over_a_few_rounds_on_real_records()
    {
        using BuiltinTrainer trainer = Trainer(Demo);
        using Checkpoint initial = Model();
        TensorSource model = initial;
        var received = new List<double>();
        for (int round = 1; round <= 4; round++)
        {
            TaskResult result = await ExecuteAsync(trainer, TaskNames.Train, Demo, round, model);
            result.Samples.ShouldBe(16);
            result.Metrics[MetricNames.TrainRecords].ShouldBe(16);
            result.Metrics[MetricNames.HeldOutRecords].ShouldBe(4);
            result.Metrics[MetricNames.LocalLoss].ShouldBeLessThan(result.Metrics[MetricNames.ReceivedLoss]);
            result.Metrics[MetricNames.HeldOutTokens].ShouldBeGreaterThan(100);
            result.Metrics[MetricNames.Steps].ShouldBe(8);
            result.Metrics[MetricNames.ReceivedPerplexity].ShouldBe(Math.Exp(result.Metrics[MetricNames.ReceivedLoss]), 1e-6);
            result.Metrics[MetricNames.LocalPerplexity].ShouldBe(Math.Exp(result.Metrics[MetricNames.LocalLoss]), 1e-6);
            result.Metrics.Values.ShouldAllBe(value => double.IsFinite(value));
            received.Add(result.Metrics[MetricNames.ReceivedLoss]);
            // What travels is a copy; the trainer's own model is overwritten by the next task.
            model = Copy(result.Model!);
        }

        received.ShouldBe(received.OrderDescending());
        (received[0] - received[^1]).ShouldBeGreaterThan(0.3);
    }

    [Fact]
    public async Task A_round_is_the_same_bytes_however_often_it_is_trained_and_another_site_draws_another_order()
    {
        using Checkpoint initial = Model();
        async Task<byte[]> TrainAsync(string site)
        {
            using BuiltinTrainer trainer = Trainer(Demo, site);
            TaskResult result = await ExecuteAsync(trainer, TaskNames.Train, Demo, 1, initial);
            return result.Model!.ReadTensor("model.norm.weight");
        }

        byte[] first = await TrainAsync("a");
        (await TrainAsync("a")).ShouldBe(first);
        (await TrainAsync("b")).ShouldNotBe(first);
    }

    /// <summary>Or a published chat model is trained in a form that it does not know, and answers worse than before.</summary>
    [Fact]
    public async Task A_job_may_train_in_the_models_own_chat_template()
    {
        Job chat = Demo with { Train = Demo.Train with { Template = RecordTemplate.Chat } };
        using BuiltinTrainer plain = Trainer(Demo);
        Should.Throw<ModelFormatException>(() => Trainer(chat)).Message.ShouldContain("no chat template");

        using var folder = new TempFolder();
        foreach (string file in Directory.GetFiles(ModelFolder()))
        {
            File.Copy(file, folder[Path.GetFileName(file)]);
        }

        File.WriteAllText(
            folder["tokenizer_config.json"],
            """
            {"bos_token": "<s>", "eos_token": "</s>", "chat_template": "{% for m in messages %}{% if m.role == 'user' %}{{ bos_token + '[INST] ' + m.content + ' [/INST]' }}{% else %}{{ ' ' + m.content + ' ' + eos_token }}{% endif %}{% endfor %}"}
            """);
        using Checkpoint initial = Model();
        using var trainer = new BuiltinTrainer(Options("a") with { ModelFolder = folder.Path }, chat);
        TaskResult result = await ExecuteAsync(trainer, TaskNames.Train, chat, 1, initial);
        result.Metrics[MetricNames.LocalLoss].ShouldBeLessThan(result.Metrics[MetricNames.ReceivedLoss]);
        TaskResult other = await ExecuteAsync(plain, TaskNames.Evaluate, Demo, 1, initial);
        other.Metrics[MetricNames.ReceivedLoss].ShouldNotBe(result.Metrics[MetricNames.ReceivedLoss]);
    }

    [Fact]
    public async Task An_evaluation_measures_and_returns_no_model()
    {
        using BuiltinTrainer trainer = Trainer(Demo);
        using Checkpoint initial = Model();
        TaskResult result = await ExecuteAsync(trainer, TaskNames.Evaluate, Demo, 9, initial);
        result.Model.ShouldBeNull();
        result.Samples.ShouldBe(0);
        result.Metrics[MetricNames.ReceivedLoss].ShouldBeGreaterThan(0);
        result.Metrics.ContainsKey(MetricNames.LocalLoss).ShouldBeFalse();
        TaskResult trained = await ExecuteAsync(trainer, TaskNames.Train, Demo, 1, initial);
        trained.Metrics[MetricNames.ReceivedLoss].ShouldBe(result.Metrics[MetricNames.ReceivedLoss]);
    }

    [Fact]
    public async Task An_unknown_task_is_refused_with_those_there_are()
    {
        using BuiltinTrainer trainer = Trainer(Demo);
        using Checkpoint initial = Model();
        TaskFailedException refused = await Should.ThrowAsync<TaskFailedException>(ExecuteAsync(trainer, "distil", Demo, 1, initial));
        refused.Message.ShouldBe("the built-in trainer knows no task 'distil'; it knows train and evaluate");
    }

    [Fact]
    public async Task Training_that_diverges_fails_with_advice_and_the_next_task_works_again()
    {
        Job steep = Demo with { Train = Demo.Train with { LearningRate = 1e30 } };
        using BuiltinTrainer trainer = Trainer(steep);
        using Checkpoint initial = Model();
        TaskFailedException failed = await Should.ThrowAsync<TaskFailedException>(ExecuteAsync(trainer, TaskNames.Train, steep, 1, initial));
        failed.Message.ShouldContain("Lower train.learning_rate");
        TaskResult after = await ExecuteAsync(trainer, TaskNames.Evaluate, Demo, 2, initial);
        double.IsFinite(after.Metrics[MetricNames.ReceivedLoss]).ShouldBeTrue();
    }

    [Fact]
    public async Task Cancelling_ends_training()
    {
        using BuiltinTrainer trainer = Trainer(Demo);
        using Checkpoint initial = Model();
        using var stop = new CancellationTokenSource();
        var progress = new Relay(said =>
        {
            if (said.Phase == TaskPhase.Training)
            {
                stop.Cancel();
            }
        });
        await Should.ThrowAsync<OperationCanceledException>(trainer.ExecuteAsync(new TaskData(TaskNames.Train, Demo, 1, 0, initial), progress, stop.Token));
    }

    [Theory]
    [MemberData(nameof(Settings))]
    public async Task A_setting_of_the_job_reaches_the_training(string setting, JobTraining train)
    {
        using Checkpoint initial = Model();
        Job plain = Demo with { Train = Demo.Train with { WeightDecay = 0.1, LearningRate = 1e-2 } };
        Job job = Demo with { Train = train with { WeightDecay = 0.1, LearningRate = 1e-2 } };
        (await TrainAsync(job, 2, initial)).ShouldNotBe(await TrainAsync(plain, 2, initial), setting);
    }

    [Fact]
    public async Task A_site_with_a_file_of_held_out_records_trains_on_all_others()
    {
        using var trainer = new BuiltinTrainer(Options("a") with { HeldOutPath = Repository.Shared("data/self-instruct-175.jsonl")! }, Demo);
        using Checkpoint initial = Model();
        TaskResult result = await ExecuteAsync(trainer, TaskNames.Train, Demo, 1, initial);
        result.Metrics[MetricNames.TrainRecords].ShouldBe(20);
        result.Metrics[MetricNames.HeldOutRecords].ShouldBe(175);
        result.Metrics[MetricNames.LocalLoss].ShouldBeLessThan(result.Metrics[MetricNames.ReceivedLoss]);
    }

    [Fact]
    public async Task A_kept_optimizer_outlives_the_process_and_a_round_that_is_done_again_begins_where_it_began()
    {
        Job keeping = Demo with { Train = Demo.Train with { OptimizerState = OptimizerState.Keep } };
        using Checkpoint initial = Model();
        byte[] first = await TrainAsync(keeping, 1, initial), second = await TrainAsync(keeping, 2, initial);
        (await TrainAsync(keeping, 2, initial)).ShouldBe(second);
        byte[] third = await TrainAsync(keeping, 3, initial);
        Directory.GetFiles(_folder["work/demo"]).Select(Path.GetFileName).Order().ShouldBe(["optimizer-2.safetensors", "optimizer-3.safetensors"]);

        // Without what was kept all three begin afresh, and the first of them always did.
        (await TrainAsync(Demo, 1, initial)).ShouldBe(first);
        (await TrainAsync(Demo, 2, initial)).ShouldNotBe(second);
        (await TrainAsync(Demo, 3, initial)).ShouldNotBe(third);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    public async Task A_site_that_was_ended_in_a_round_goes_on_from_its_checkpoint_and_gives_the_same_bytes(int step)
    {
        Job careful = Demo with { Train = Demo.Train with { CheckpointEvery = 2, OptimizerState = OptimizerState.Keep, Schedule = JobSchedule.Cosine } };
        using Checkpoint initial = Model();
        byte[] undisturbed = await TrainAsync(careful, 1, initial);
        Directory.Delete(_folder["work"], recursive: true);
        using (BuiltinTrainer trainer = Trainer(careful))
        using (var stop = new CancellationTokenSource())
        {
            var progress = new Relay(said =>
            {
                if (said is { Phase: TaskPhase.Training } && said.Done == step)
                {
                    stop.Cancel();
                }
            });
            await Should.ThrowAsync<OperationCanceledException>(trainer.ExecuteAsync(new TaskData(TaskNames.Train, careful, 1, 0, initial), progress, stop.Token));
        }

        var steps = new List<long>();
        using BuiltinTrainer again = Trainer(careful);
        TaskResult result = await again.ExecuteAsync(
            new TaskData(TaskNames.Train, careful, 1, 0, initial), new Relay(said => { if (said.Phase == TaskPhase.Training) { steps.Add(said.Done); } }), Cancel);
        steps[0].ShouldBe(step / 2 * 2 + 1, "the steps before the checkpoint are not done again");
        AllBytes(result.Model!).ShouldBe(undisturbed);
    }

    [Fact]
    public async Task A_site_trains_adapters_beside_its_own_base_and_returns_them_alone()
    {
        using FrozenBase known = FrozenBase.Load(ModelFolder(), Cancel);
        Job job = Adapters(known.Digest);
        PeftAdapter.WriteInitial(known.Model.Config, new LoraConfig { Rank = 4, Alpha = 8, Targets = ["q_proj", "v_proj"] }, 1, "base", null, _folder["adapter"], Cancel);
        using PeftAdapter initial = PeftAdapter.Open(_folder["adapter"]);
        using BuiltinTrainer own = Trainer(job);
        TaskResult result = await ExecuteAsync(own, TaskNames.Train, job, 1, initial.Weights);
        result.Model!.Manifest.Select(entry => entry.Spec).ShouldBe(initial.Weights.Manifest.Select(entry => entry.Spec));
        result.Metrics[MetricNames.LocalLoss].ShouldBeLessThan(result.Metrics[MetricNames.ReceivedLoss] - 0.05);
        byte[] trained = AllBytes(result.Model);

        // A base that is shared is the same base, and trained adapters can be gone on with.
        using var shared = new BuiltinTrainer(Options("a") with { Base = known }, job);
        AllBytes((await ExecuteAsync(shared, TaskNames.Train, job, 1, initial.Weights)).Model!).ShouldBe(trained);
        TaskResult second = await ExecuteAsync(shared, TaskNames.Train, job, 2, Copy(result.Model));
        second.Metrics[MetricNames.ReceivedLoss].ShouldBe(result.Metrics[MetricNames.LocalLoss]);
    }

    [Fact]
    public async Task A_site_with_another_base_than_the_jobs_refuses_its_adapters()
    {
        Job job = Adapters("sha256:" + new string('0', 64));
        using FrozenBase known = FrozenBase.Load(ModelFolder(), Cancel);
        using LoraModel fresh = LoraModel.Create(known.Model, new LoraConfig { Rank = 4, Alpha = 8, Targets = ["q_proj", "v_proj"] }, 1);
        using BuiltinTrainer trainer = Trainer(job);
        TaskFailedException refused = await Should.ThrowAsync<TaskFailedException>(ExecuteAsync(trainer, TaskNames.Train, job, 1, fresh.Weights));
        refused.Message.ShouldBe(
            $"the job's adapters are for a base with the digest sha256:{new string('0', 64)}, but {ModelFolder()} has {known.Digest}; put the job's base model there");
    }

    [Fact]
    public async Task Two_sites_train_a_model_together_over_real_connections()
    {
        using Checkpoint initial = Model();
        await using TestServer server = await TestServer.StartAsync();
        Job job = Demo with { Sites = ["a", "b"], Rounds = 2, Precision = new JobPrecision("nf4", "nf4") };
        using BuiltinTrainer first = Trainer(job);
        using BuiltinTrainer second = Trainer(job, "b");
        await using var a = new RunningAgent(server.Server.Address, first);
        await using var b = new RunningAgent(server.Server.Address, second, "b");
        Tributary.Server.JobRecord record = await server.Server.RunJobAsync(job, initial, static _ => { }, Cancel);
        double[] losses = [.. record.Models.Select(model => model.Loss!.Value)];
        losses[^1].ShouldBeLessThan(losses[0]);
        record.BestRound.ShouldBeGreaterThan(0);
    }

    private static Job Adapters(string digest) => Demo with
    {
        Train = Demo.Train with { LearningRate = 1e-2, Lora = new JobLora { Rank = 4, Alpha = 8, Targets = ["q_proj", "v_proj"], Base = digest } },
    };

    private static Checkpoint Model() => Checkpoint.Open(ModelFolder());

    private static string ModelFolder()
    {
        string? folder = Repository.Shared("models/stories260K");
        Assert.SkipWhen(folder is null, "the folder of public models is not beside the project");
        return folder;
    }

    private static byte[] AllBytes(TensorSource model) => [.. model.Manifest.SelectMany(entry => model.ReadTensor(entry.Spec.Name))];

    private BuiltinTrainerOptions Options(string site) => new()
    {
        Site = site,
        ModelFolder = ModelFolder(),
        DataPath = Repository.Shared("data/dolly-151.jsonl")!,
        RecordsMax = 20,
        WorkFolder = _folder["work"],
        Threads = 2,
    };

    private BuiltinTrainer Trainer(Job job, string site = "a") => new(Options(site), job);

    /// <summary>The bytes of a round's model, trained as by a site that was just started.</summary>
    private async Task<byte[]> TrainAsync(Job job, int round, TensorSource model)
    {
        using BuiltinTrainer trainer = Trainer(job);
        return AllBytes((await ExecuteAsync(trainer, TaskNames.Train, job, round, model)).Model!);
    }

    private static Task<TaskResult> ExecuteAsync(BuiltinTrainer trainer, string task, Job job, int round, TensorSource model) =>
        trainer.ExecuteAsync(new TaskData(task, job, round, 0, model), new Relay(static _ => { }), Cancel);

    private static MemorySource Copy(TensorSource model) => new([.. model.Manifest.Select(entry => (entry.Spec, model.ReadTensor(entry.Spec.Name)))]);

    private sealed class Relay(Action<TaskProgress> report) : IProgress<TaskProgress>
    {
        public void Report(TaskProgress value) => report(value);
    }
}
