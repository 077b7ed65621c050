using Tributary.Tensors;

namespace Tributary.Training.Tests;

/// <summary>Trainings that end early, are cut short and go on, or go on from another's optimizer.</summary>
public sealed class TrainingFilesTests : IDisposable
{
    private readonly TestFolder _folder = new();
    private readonly InstructionDataset _train;
    private readonly InstructionDataset _heldOut;
    private readonly TrainingOptions _options;

    public TrainingFilesTests()
    {
        string[] words = ["hello", "a hello", "aaaa hello", "zebra", "hello hello hello", "ab", "🦆", "abab", "he"];
        string path = _folder.Write(
            "data.jsonl", string.Join('\n', words.Select(word => $$"""{"instruction":"say {{word}}","response":"{{word}} hello"}""")));
        (_train, _heldOut) = InstructionDataset.Load(path, TestTokenizer.Load(), 96).Split(0.25, 1);
        _options = new TrainingOptions
        {
            BatchSize = 1, GradientAccumulation = 2, LearningRate = 1e-2, Epochs = 4, Seed = 5, Schedule = LearningRateSchedule.Cosine, WarmupSteps = 2,
            ProximalMu = 0.1, EarlyStop = new EarlyStop(_heldOut, 3, 100),
        };
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1, 1)]
    [InlineData(5, 3)]
    [InlineData(9, 4)]
    [InlineData(15, 16)]
    public void A_training_that_was_cut_short_goes_on_and_gives_the_same_bytes(int cutAfter, int every)
    {
        byte[] undisturbed = Trained(_options, new TrainingFiles { OptimizerTo = Path("undisturbed") }, out TrainingResult whole);
        var files = new TrainingFiles { Checkpoint = Path("checkpoint"), CheckpointEvery = every, OptimizerTo = Path("resumed") };
        using (var cut = new CancellationTokenSource())
        using (LlamaModel model = NewModel())
        {
            var progress = new After(report => { if (report.Step == cutAfter) { cut.Cancel(); } });
            Should.Throw<OperationCanceledException>(() => Trainer.Train(model, _train, _options, progress, cut.Token, files));
        }

        // A checkpoint is written after its step was told of, so the step that cut it short has none unless the measurement is not due.
        Trained(_options with { Threads = 2 }, files, out TrainingResult resumed).ShouldBe(undisturbed);
        resumed.StepsResumed.ShouldBeInRange(Math.Max(0, (cutAfter - every) / every * every), cutAfter);
        (resumed with { StepsResumed = 0 }).ShouldBe(whole);
        File.ReadAllBytes(Path("resumed")).ShouldBe(File.ReadAllBytes(Path("undisturbed")));
    }

    [Fact]
    public void A_checkpoint_of_another_training_or_of_other_weights_is_not_gone_on_from()
    {
        var files = new TrainingFiles { Checkpoint = Path("checkpoint"), CheckpointEvery = 2 };
        Trained(_options, files, out _);
        Trained(_options with { Seed = 6 }, files, out TrainingResult otherSeed);
        otherSeed.StepsResumed.ShouldBe(0);
        using LlamaModel other = LlamaModel.Create(TestModel.Config, 4);
        Trainer.Train(other, _train, _options with { Seed = 6 }, null, TestContext.Current.CancellationToken, files).StepsResumed.ShouldBe(0);
        using LlamaModel same = LlamaModel.Create(TestModel.Config, 4);
        Trainer.Train(same, _train, _options with { Seed = 6 }, null, TestContext.Current.CancellationToken, files).StepsResumed.ShouldBeGreaterThan(0);
    }

    [Fact]
    public void An_optimizer_that_is_kept_changes_what_the_next_training_does_and_one_of_another_model_is_refused()
    {
        string state = Path("state");
        Trained(_options, new TrainingFiles { OptimizerTo = state }, out _);
        byte[] fresh = Trained(_options, new TrainingFiles(), out _);
        Trained(_options, new TrainingFiles { OptimizerFrom = state }, out _).ShouldNotBe(fresh);

        using LlamaModel other = LlamaModel.Create(TestModel.Config with { IntermediateSize = 48 }, 3);
        string message = Should.Throw<TensorFormatException>(
            () => Trainer.Train(other, _train, _options, null, TestContext.Current.CancellationToken, new TrainingFiles { OptimizerFrom = state })).Message;
        message.ShouldContain(state);
        message.ShouldContain("mlp.gate_proj.weight' should be F32 [48, 24], but is F32 [40, 24]; remove the file");
    }

    [Fact]
    public void Training_ends_when_the_held_out_loss_no_longer_falls_and_gives_the_best_model_there_was()
    {
        // Far too many epochs of far too few records: the held-out loss falls and then rises.
        var rule = new EarlyStop(_heldOut, 2, 3);
        TrainingOptions greedy = _options with { Epochs = 200, ProximalMu = 0, Schedule = LearningRateSchedule.Constant, EarlyStop = rule };
        using LlamaModel stopped = NewModel(), longer = NewModel();
        TrainingResult result = Trainer.Train(stopped, _train, greedy, null, TestContext.Current.CancellationToken);
        result.StoppedEarly.ShouldBeTrue();
        (result.Steps % 2).ShouldBe(0);
        double best = Loss(stopped);

        // Where it was when it ended is worse, and so is every other point at which it was measured.
        for (int steps = 2; steps <= result.Steps; steps += 2)
        {
            using LlamaModel model = NewModel();
            Trainer.Train(model, _train, greedy with { EarlyStop = null, StepsMax = steps }, null, TestContext.Current.CancellationToken);
            Loss(model).ShouldBeGreaterThanOrEqualTo(best);
        }
    }

    [Fact]
    public void A_training_that_only_makes_the_model_worse_returns_it_as_it_was()
    {
        using LlamaModel model = NewModel();
        byte[] before = MemoryTensors.AllBytes(model.Weights);
        TrainingOptions wild = _options with { LearningRate = 3, ClipNorm = 0, ProximalMu = 0, WarmupSteps = 0, EarlyStop = new EarlyStop(_heldOut, 1, 2) };
        TrainingResult result = Trainer.Train(model, _train, wild, null, TestContext.Current.CancellationToken);
        result.StoppedEarly.ShouldBeTrue();
        result.Steps.ShouldBe(2);
        MemoryTensors.AllBytes(model.Weights).ShouldBe(before);
    }

    [Fact]
    public void A_strong_proximal_term_holds_the_model_where_it_was_received()
    {
        TrainingOptions free = _options with { ProximalMu = 0, EarlyStop = null };
        Distance(free with { ProximalMu = 10 }).ShouldBeLessThan(Distance(free) / 2);
    }

    private static LlamaModel NewModel() => LlamaModel.Create(TestModel.Config, 3);

    private double Distance(TrainingOptions options)
    {
        using LlamaModel before = NewModel(), after = NewModel();
        Trainer.Train(after, _train, options, null, TestContext.Current.CancellationToken);
        return Math.Sqrt(Enumerable.Range(0, after.Weights.Manifest.Count)
            .SelectMany(i => MemoryTensors.Floats(after.Weights, i).Zip(MemoryTensors.Floats(before.Weights, i)))
            .Sum(pair => Math.Pow(pair.First - pair.Second, 2)));
    }

    private double Loss(LlamaModel model) => Evaluator.Evaluate(model, _heldOut, 1, TestContext.Current.CancellationToken).MeanLoss;

    private byte[] Trained(TrainingOptions options, TrainingFiles files, out TrainingResult result)
    {
        using LlamaModel model = NewModel();
        result = Trainer.Train(model, _train, options, null, TestContext.Current.CancellationToken, files);
        return MemoryTensors.AllBytes(model.Weights);
    }

    private string Path(string name) => System.IO.Path.Combine(_folder.Path, name);

    private sealed class After(Action<TrainingProgress> then) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => then(value);
    }
}
