using Tributary.Tensors;
using Tributary.Tensors.Safetensors;

namespace Tributary.Training.Tests;

public sealed class TrainerTests : IDisposable
{
    private static readonly TrainingOptions Options = new() { BatchSize = 3, LearningRate = 1e-2, Epochs = 2, Seed = 5 };

    private readonly TestFolder _folder = new();
    private readonly Tokenizer _tokenizer = TestTokenizer.Load();
    private readonly InstructionDataset _dataset;

    public TrainerTests()
    {
        string[] words = ["hello", "a hello", "aaaa hello", "zebra", "hello hello hello", "ab", "🦆"];
        string path = _folder.Write(
            "data.jsonl", string.Join('\n', words.Select(word => $$"""{"instruction":"say {{word}}","response":"{{word}} hello"}""")));
        _dataset = InstructionDataset.Load(path, _tokenizer, 96);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_same_seed_gives_the_same_bytes_with_one_thread_and_with_two()
    {
        byte[] one = Trained(Options with { Threads = 1 });
        Trained(Options with { Threads = 1 }).ShouldBe(one);
        Trained(Options with { Threads = 2 }).ShouldBe(one);
        Trained(Options with { Threads = 3 }).ShouldBe(one);
    }

    [Fact]
    public void Another_seed_takes_the_records_in_another_order() => Trained(Options with { Seed = 6 }).ShouldNotBe(Trained(Options));

    [Fact]
    public void A_frozen_tensor_stays_as_it_is_to_the_last_bit_and_the_others_are_trained()
    {
        using LlamaModel model = NewModel();
        Dictionary<string, float[]> before = model.Weights.Manifest.ToDictionary(entry => entry.Spec.Name, entry => model.Weights.ReadFloats(entry.Spec.Name));
        Train(model, Options with { IsFrozen = name => name.Contains("embed", StringComparison.Ordinal), ProximalMu = 0.1 }, new Recorder());
        foreach ((string name, float[] values) in before)
        {
            model.Weights.ReadFloats(name).SequenceEqual(values).ShouldBe(name.Contains("embed", StringComparison.Ordinal), name);
        }
    }

    [Fact]
    public void With_the_global_control_variate_equal_to_the_local_one_a_training_is_as_without_and_leaves_the_mean_gradient()
    {
        using LlamaModel zero = NewModel();
        using var none = new ArraySource([.. zero.Weights.Manifest.Select(entry => (entry.Spec.Name, entry.Spec.Shape, new float[entry.Spec.ElementCount]))]);
        string first = Path.Combine(_folder.Path, "first.safetensors"), second = Path.Combine(_folder.Path, "second.safetensors"), third = Path.Combine(_folder.Path, "third.safetensors");
        byte[] plain = Trained(Options);
        Control(zero, new ControlVariate(none, null, first)).ShouldBe(plain);
        using SafetensorsFile global = SafetensorsFile.Open(first);
        using LlamaModel same = NewModel();
        Control(same, new ControlVariate(global, first, second)).ShouldBe(plain);
        File.ReadAllBytes(second).ShouldBe(File.ReadAllBytes(first), "the gradients are the same, before what is added to them");
        using LlamaModel corrected = NewModel();
        Control(corrected, new ControlVariate(global, null, third)).ShouldNotBe(plain);

        byte[] Control(LlamaModel model, ControlVariate control)
        {
            Trainer.Train(model, _dataset, Options, null, TestContext.Current.CancellationToken, new TrainingFiles { Control = control });
            return MemoryTensors.AllBytes(model.Weights);
        }
    }

    [Fact]
    public void Training_lowers_the_loss_and_says_how_far_it_is()
    {
        using LlamaModel model = NewModel();
        double before = Evaluator.Evaluate(model, _dataset, 1, TestContext.Current.CancellationToken).MeanLoss;
        var progress = new Recorder();
        TrainingResult result = Train(model, Options with { Epochs = 8 }, progress);
        EvaluationResult after = Evaluator.Evaluate(model, _dataset, 2, TestContext.Current.CancellationToken);
        after.MeanLoss.ShouldBeLessThan(before / 2);
        after.ResponseTokens.ShouldBe(_dataset.ResponseTokenCount);
        result.Steps.ShouldBe(24);
        result.Samples.ShouldBe(56);
        result.Tokens.ShouldBe(8 * _dataset.TokenCount);
        result.ResponseTokens.ShouldBe(8 * _dataset.ResponseTokenCount);
        progress.Reports.Select(report => report.Step).ShouldBe(Enumerable.Range(1, 24));
        progress.Reports.ShouldAllBe(report => report.Steps == 24);
        progress.Reports[^1].Tokens.ShouldBe(result.Tokens);
        result.MeanLoss.ShouldBeInRange(after.MeanLoss, before);
    }

    [Fact]
    public void Training_stops_after_as_many_steps_as_were_asked_for()
    {
        using LlamaModel model = NewModel();
        Train(model, Options with { StepsMax = 2 }).Steps.ShouldBe(2);
    }

    [Fact]
    public void Every_training_begins_with_a_fresh_optimizer()
    {
        using LlamaModel once = NewModel(), twice = NewModel();
        byte[] start = MemoryTensors.AllBytes(twice.Weights);
        Train(once, Options);
        Train(twice, Options with { LearningRate = 1e-3 });
        using LlamaModel fresh = NewModel();
        twice.CopyFrom(fresh.Weights);
        MemoryTensors.AllBytes(twice.Weights).ShouldBe(start);
        Train(twice, Options);
        MemoryTensors.AllBytes(twice.Weights).ShouldBe(MemoryTensors.AllBytes(once.Weights));
    }

    [Fact]
    public void Cancelling_stops_before_the_next_step()
    {
        using LlamaModel model = NewModel();
        using var cancellation = new CancellationTokenSource();
        var progress = new Recorder { After = report => { if (report.Step == 2) { cancellation.Cancel(); } } };
        Should.Throw<OperationCanceledException>(() => Trainer.Train(model, _dataset, Options, progress, cancellation.Token));
        progress.Reports.Count.ShouldBe(2);
        Should.Throw<OperationCanceledException>(() => Evaluator.Evaluate(model, _dataset, 1, cancellation.Token));
    }

    [Fact]
    public void A_learning_rate_that_is_far_too_high_is_told_with_step_and_advice()
    {
        using LlamaModel model = NewModel();
        var error = Should.Throw<TrainingDivergedException>(() => Train(model, Options with { LearningRate = 1e30, ClipNorm = 0 }));
        error.Step.ShouldBeGreaterThan(1);
        error.Message.ShouldContain($"step {error.Step}");
        error.Message.ShouldContain("LearningRate");
    }

    [Fact]
    public void Weights_that_are_not_numbers_are_noticed_before_they_are_trained()
    {
        using LlamaModel model = NewModel();
        for (int tensor = 0; tensor < model.Weights.Manifest.Count; tensor++)
        {
            using LlamaModel broken = LlamaModel.Load(model.Config, model.Weights);
            broken.Tensors.All[tensor].Buffer.Span(0, (int)broken.Tensors.All[tensor].Buffer.Length).Fill(float.NaN);
            Should.Throw<TrainingDivergedException>(() => Train(broken, Options)).Step.ShouldBe(1);
        }
    }

    [Fact]
    public void All_options_out_of_range_are_reported_together()
    {
        var wrong = new TrainingOptions
        {
            Epochs = 0, BatchSize = 0, LearningRate = double.NaN, WeightDecay = -1, Beta1 = 1, Beta2 = -1, Epsilon = 0, ClipNorm = -1, Threads = 0,
            StepsMax = 0, GradientAccumulation = 0, Schedule = (LearningRateSchedule)9, WarmupSteps = -1, WarmupRatio = 2, ScheduleTrainings = 0,
            ScheduleTraining = -1, Decay = (WeightDecayScope)9, ProximalMu = -1, EarlyStop = new EarlyStop(_dataset, 0, 0),
            Private = new PrivateTraining { ClipNorm = 0, NoiseMultiplier = 0, SamplingRate = 0, Randomness = new NumberedRandomness() },
        };
        string message = Should.Throw<ArgumentException>(wrong.Validate).Message;
        foreach (string name in typeof(TrainingOptions).GetProperties().Select(property => property.Name).Where(name => name is not ("Seed" or "IsFrozen")))
        {
            message.ShouldContain($"{name} is");
        }

        new TrainingOptions().Validate();
    }

    [Fact]
    public void A_tokenizer_with_more_tokens_than_the_model_is_refused()
    {
        using LlamaModel small = LlamaModel.Create(TestModel.Config with { VocabularySize = 100 }, 1);
        Should.Throw<ModelFormatException>(() => Train(small, Options)).Message.ShouldContain("100");
    }

    [Fact]
    public void Sequences_longer_than_the_model_knows_positions_are_refused()
    {
        using LlamaModel model = LlamaModel.Create(TestModel.Config with { PositionsMax = 95 }, 1);
        Should.Throw<ArgumentException>(() => Train(model, Options)).Message.ShouldContain("95");
    }

    [Fact]
    public void Steps_after_the_first_allocate_next_to_nothing()
    {
        using LlamaModel model = NewModel();
        long before = 0, most = 0;
        var progress = new Recorder
        {
            After = report =>
            {
                long now = GC.GetAllocatedBytesForCurrentThread();
                most = report.Step > 2 ? Math.Max(most, now - before) : 0;
                before = now;
            },
        };
        Train(model, Options with { Epochs = 4 }, progress);
        most.ShouldBeLessThan(64 * 1024);
    }

    private static LlamaModel NewModel() => LlamaModel.Create(TestModel.Config, 3);

    private TrainingResult Train(LlamaModel model, TrainingOptions options, IProgress<TrainingProgress>? progress = null) =>
        Trainer.Train(model, _dataset, options, progress, TestContext.Current.CancellationToken);

    private byte[] Trained(TrainingOptions options)
    {
        using LlamaModel model = NewModel();
        Train(model, options);
        return MemoryTensors.AllBytes(model.Weights);
    }

    private sealed class Recorder : IProgress<TrainingProgress>
    {
        public List<TrainingProgress> Reports { get; } = [];

        public Action<TrainingProgress>? After { get; init; }

        public void Report(TrainingProgress value)
        {
            Reports.Add(value);
            After?.Invoke(value);
        }
    }
}
