using Tributary.Tensors;
using Tributary.Training.Memory;
using Tributary.Training.Optimization;

namespace Tributary.Training.Tests;

/// <summary>
/// What a private training promises of each record, and that it goes on as others do. Its numbers are compared with PyTorch's in
/// StepFixtureTests.
/// </summary>
public sealed class PrivateTrainingTests : IDisposable
{
    private static readonly PrivateTraining Private = new()
    {
        ClipNorm = 0.5, NoiseMultiplier = 0.7, SamplingRate = 0.3, Randomness = new NumberedRandomness(),
    };

    private static readonly TrainingOptions Options = new() { BatchSize = 2, GradientAccumulation = 2, LearningRate = 1e-2, Epochs = 3, Seed = 5, Private = Private };
    private static readonly LoraConfig Lora = new() { Rank = 3, Alpha = 6, Targets = ["v_proj", "down_proj"], Dropout = 0.2 };

    private readonly TestFolder _folder = new();
    private readonly InstructionDataset _dataset;

    public PrivateTrainingTests()
    {
        string[] words = ["hello", "a hello", "aaaa hello", "zebra", "hello hello hello", "ab", "🦆"];
        string path = _folder.Write(
            "data.jsonl", string.Join('\n', words.Select(word => $$"""{"instruction":"say {{word}}","response":"{{word}} hello"}""")));
        _dataset = InstructionDataset.Load(path, TestTokenizer.Load(), 96);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    // Whoever's record it is has been told how far it can move a model: if one record can do more, the epsilon is not what it says.
    [Theory]
    [InlineData(0.01, true)]
    [InlineData(1e-45, false)] // a scale that is none of the floats, of which the next above would be more
    public void One_record_moves_the_gradient_by_no_more_than_its_share_however_large_its_own_is(double share, bool exactly)
    {
        using LlamaModel model = NewModel();
        model.Tensors.All.Single(tensor => tensor.Name == "model.norm.weight").Buffer.Span(0, TestModel.Config.HiddenSize).Fill(1e19f);
        for (int record = 0; record < _dataset.Count; record++)
        {
            double own = Length(Gradient(model, 1e300, draw => draw == record));
            own.ShouldBeGreaterThan(1e15);
            double clip = own * share;
            float[] with = Gradient(model, clip, _ => true), without = Gradient(model, clip, draw => draw != record);
            double moved = Length([.. with.Zip(without, (a, b) => a - b)]);
            moved.ShouldBeLessThanOrEqualTo(clip * 1.00001);
            if (exactly)
            {
                moved.ShouldBeGreaterThan(clip * 0.99999, "less is noise for nothing");
            }
        }

        // Times the nominal size, so that what is compared is the sum.
        float[] Gradient(LlamaModel of, double clip, Func<int, bool> drawn)
        {
            var randomness = new NumberedRandomness { Draw = (_, record) => drawn(record) ? 0 : 0.99, Scale = 0 };
            return [.. Compute(of, Private with { ClipNorm = clip, Randomness = randomness }, out _).Select(value => value * 4)];
        }
    }

    // Where a record that is not there changes what is left out of the others, all of them move, and not one.
    [Fact]
    public void A_record_that_is_not_there_changes_no_others_gradient_whatever_dropout_leaves_out()
    {
        using LlamaModel frozen = NewModel();
        using LoraModel model = LoraModel.Create(frozen, Lora with { Dropout = 0.5 }, 1);
        PrivateTraining all = Private with { SamplingRate = 1, ClipNorm = 1e-3, Randomness = new NumberedRandomness { Scale = 0 } };
        float[] with = Compute(model, all, out _);
        for (int record = 0; record < _dataset.Count; record++)
        {
            float[] without = Compute(model, all, out _, _dataset.Select([.. Enumerable.Range(0, _dataset.Count).Where(place => place != record)]));
            Length([.. with.Zip(without, (a, b) => a - b)]).ShouldBeInRange(0.99 * 1e-3 / 4, 1.00001 * 1e-3 / 4);
        }
    }

    // A sample drawn otherwise than record by record, as by shuffling, is not what the accountant counts.
    [Fact]
    public void A_record_is_drawn_if_and_only_if_its_own_number_is_below_the_rate()
    {
        double[] numbers = [0.29999999, 0.3, 0, 0.9, 0.1, 0.30000001, 0.2];
        int[] drawn = [0, 2, 4, 6];
        using LlamaModel model = NewModel();
        Compute(model, Private with { Randomness = new NumberedRandomness { Draw = (_, record) => numbers[record] } }, out TrainingTotals totals);
        totals.Samples.ShouldBe(drawn.Length);
        totals.Tokens.ShouldBe(drawn.Sum(record => _dataset.Examples[record].Tokens.Length));
        totals.Responses.ShouldBe(drawn.Sum(record => _dataset.Examples[record].Responses));
        Compute(model, Private with { SamplingRate = 1 }, out totals);
        totals.Samples.ShouldBe(_dataset.Count);
    }

    // A step that is left out, or has no noise, where nobody was drawn tells that nobody was.
    [Fact]
    public void A_step_that_draws_nobody_is_a_step_of_noise_alone_over_the_nominal_size()
    {
        var nobody = new NumberedRandomness { Draw = (_, _) => 0.99 };
        using LlamaModel model = NewModel();
        float[] gradient = Compute(model, Private with { Randomness = nobody }, out _);
        var expected = new List<float>();
        foreach (LlamaTensor tensor in model.Tensors.All)
        {
            double[] normal = new double[tensor.Buffer.Length];
            nobody.Gaussian(0, tensor.Name, 0, normal);
            expected.AddRange(normal.Select(value => (float)(0.7 * 0.5 * value / 4)));
        }

        gradient.ShouldBe(expected);
        byte[] before = MemoryTensors.AllBytes(model.Weights);
        var losses = new List<double>();
        TrainingResult result = Trainer.Train(
            model, _dataset, Options with { Private = Private with { Randomness = nobody } }, new After(report => losses.Add(report.Loss)), Cancel);
        result.ShouldBe(new TrainingResult(0, 10, 0, 0, 0));
        losses.ShouldBe(Enumerable.Repeat(0.0, 10));
        MemoryTensors.AllBytes(model.Weights).ShouldNotBe(before);
    }

    // Noise that serves twice is no noise: the difference of the two is what it was to hide.
    [Fact]
    public void Every_trained_element_of_every_step_gets_a_number_of_its_own_and_a_frozen_tensor_none()
    {
        var randomness = new NumberedRandomness();
        using LlamaModel model = NewModel();
        TrainingOptions options = Options with
        {
            Private = Private with { Randomness = randomness }, IsFrozen = name => name.Contains("mlp", StringComparison.Ordinal), StepsMax = 3,
        };
        Dictionary<string, float[]> before = model.Tensors.All.ToDictionary(tensor => tensor.Name, tensor => model.Weights.ReadFloats(tensor.Name));
        Trainer.Train(model, _dataset, options, null, Cancel);
        for (int step = 0; step < 3; step++)
        {
            foreach (LlamaTensor tensor in model.Tensors.All)
            {
                bool isFrozen = tensor.Name.Contains("mlp", StringComparison.Ordinal);
                model.Weights.ReadFloats(tensor.Name).SequenceEqual(before[tensor.Name]).ShouldBe(isFrozen, tensor.Name);
                long next = 0;
                foreach ((_, _, long first, int count) in randomness.Asked.Where(asked => asked.Step == step && asked.Tensor == tensor.Name))
                {
                    first.ShouldBe(next);
                    next += count;
                }

                next.ShouldBe(isFrozen ? 0 : tensor.Buffer.Length, tensor.Name);
            }
        }

        randomness.Asked.ShouldAllBe(asked => asked.Step < 3);
    }

    [Fact]
    public void The_bytes_are_the_same_with_any_number_of_threads()
    {
        byte[] llama = Trained(Options), adapters = TrainedAdapters(Options);
        foreach (int threads in new[] { 2, 3 })
        {
            Trained(Options with { Threads = threads }).ShouldBe(llama);
            TrainedAdapters(Options with { Threads = threads }).ShouldBe(adapters);
        }
    }

    // A site whose machine restarts would else spend privacy twice on one training.
    [Theory]
    [InlineData(1, 1)]
    [InlineData(4, 3)]
    [InlineData(10, 4)]
    public void A_training_that_was_cut_short_goes_on_with_the_same_draws_and_noise(int cutAfter, int every)
    {
        TrainingOptions options = Options with { Schedule = LearningRateSchedule.Cosine, ProximalMu = 0.1 };
        byte[] undisturbed = Trained(options, new TrainingFiles { OptimizerTo = Path("undisturbed") }, out TrainingResult whole);
        var files = new TrainingFiles { Checkpoint = Path("checkpoint"), CheckpointEvery = every, OptimizerTo = Path("resumed") };
        using (LlamaModel model = NewModel())
        {
            var cut = new After(report =>
            {
                if (report.Step == cutAfter)
                {
                    throw new IOException("the end of the process");
                }
            });
            Should.Throw<IOException>(() => Trainer.Train(model, _dataset, options, cut, Cancel, files));
        }

        Trained(options with { Threads = 2 }, files, out TrainingResult resumed).ShouldBe(undisturbed);
        resumed.StepsResumed.ShouldBe((cutAfter - 1) / every * every);
        (resumed with { StepsResumed = 0 }).ShouldBe(whole);
        File.ReadAllBytes(Path("resumed")).ShouldBe(File.ReadAllBytes(Path("undisturbed")));
    }

    // Steps with less noise than is stated would count as private.
    [Fact]
    public void A_checkpoint_of_other_settings_or_another_randomness_or_of_no_privacy_is_not_gone_on_from()
    {
        var files = new TrainingFiles { Checkpoint = Path("checkpoint"), CheckpointEvery = 2 };
        PrivateTraining?[] others =
        [
            Private, Private with { NoiseMultiplier = 0.8 }, Private with { ClipNorm = 0.6 }, Private with { SamplingRate = 0.31 },
            Private with { Randomness = new NumberedRandomness { Seed = 1 } }, null, Private,
        ];
        foreach (PrivateTraining? other in others)
        {
            Trained(Options with { Private = other }, files, out TrainingResult anew);
            anew.StepsResumed.ShouldBe(0);
        }

        Trained(Options, files, out TrainingResult same);
        same.StepsResumed.ShouldBe(10);
    }

    // The number of steps is in what is accounted and may be seen by all, so it must not tell how many records there are.
    [Fact]
    public void The_steps_follow_from_epochs_and_rate_and_not_from_the_number_of_records()
    {
        PrivateTraining.Steps(1, 1).ShouldBe(1);
        PrivateTraining.Steps(3, 0.1).ShouldBe(30);
        PrivateTraining.Steps(2, 0.3).ShouldBe(7);
        Should.Throw<ArgumentOutOfRangeException>(() => PrivateTraining.Steps(0, 0.1));
        Should.Throw<ArgumentOutOfRangeException>(() => PrivateTraining.Steps(1, double.NaN));
        Should.Throw<ArgumentOutOfRangeException>(() => PrivateTraining.Steps(1, 1.1));
        Should.Throw<ArgumentOutOfRangeException>(() => PrivateTraining.Steps(1, 1e-10)).Message.ShouldContain("raise the rate");
        using LlamaModel model = NewModel();
        Trainer.Train(model, _dataset, Options, null, Cancel).Steps.ShouldBe(10);
        Trainer.Train(model, _dataset.Select([1, 3]), Options, null, Cancel).Steps.ShouldBe(10);
        Trainer.Train(model, _dataset, Options with { StepsMax = 4 }, null, Cancel).Steps.ShouldBe(4);
    }

    [Fact]
    public void What_would_look_at_records_past_the_noise_is_refused_with_its_reason()
    {
        using LlamaModel model = NewModel();
        byte[] before = MemoryTensors.AllBytes(model.Weights);
        Refused(Options with { EarlyStop = new EarlyStop(_dataset, 1, 1) }, null).ShouldContain("EarlyStop, which looks at held-out records without noise");
        string control = Refused(Options, new TrainingFiles { Control = new ControlVariate(model.Weights, null, Path("control")) });
        control.ShouldContain("SCAFFOLD");
        control.ShouldContain("Leave out Control");
        File.Exists(Path("control")).ShouldBeFalse();

        string wrong = Refused(Options with { Private = Private with { ClipNorm = 0, NoiseMultiplier = double.NaN, SamplingRate = 1.5 } }, null);
        wrong.ShouldContain("Private.ClipNorm is 0; it must be above 0");
        wrong.ShouldContain("Private.NoiseMultiplier is NaN; it must be above 0");
        wrong.ShouldContain("Private.SamplingRate is 1.5; it must be above 0 and at most 1");
        Refused(Options with { Private = Private with { SamplingRate = 1e-10 } }, null).ShouldContain("raise it");
        MemoryTensors.AllBytes(model.Weights).ShouldBe(before);

        string Refused(TrainingOptions options, TrainingFiles? files) =>
            Should.Throw<ArgumentException>(() => Trainer.Train(model, _dataset, options, null, Cancel, files)).Message;
    }

    // A clipped NaN is a NaN, and one that is replaced hides that a model is broken.
    [Fact]
    public void A_record_whose_gradient_is_no_number_ends_the_training_before_its_step()
    {
        using LlamaModel model = NewModel();
        model.Tensors.Norm.Row(0)[3] = float.NaN;
        byte[] before = MemoryTensors.AllBytes(model.Weights);
        var second = new NumberedRandomness { Draw = (step, record) => step == 1 && record == 2 ? 0 : 0.99, Scale = 0 };
        TrainingOptions still = Options with { Private = Private with { Randomness = second }, WeightDecay = 0 };
        Should.Throw<TrainingDivergedException>(() => Trainer.Train(model, _dataset, still, null, Cancel)).Step.ShouldBe(2);
        MemoryTensors.AllBytes(model.Weights).ShouldBe(before);
    }

    [Fact]
    public void With_little_noise_it_learns()
    {
        using LlamaModel model = NewModel();
        double before = Evaluator.Evaluate(model, _dataset, 1, Cancel).MeanLoss;
        TrainingOptions options = Options with { Epochs = 12, Private = Private with { NoiseMultiplier = 0.01 } };
        Trainer.Train(model, _dataset, options, null, Cancel).MeanLoss.ShouldBeInRange(before / 4, before);
        Evaluator.Evaluate(model, _dataset, 1, Cancel).MeanLoss.ShouldBeLessThan(before / 2);
    }

    private static LlamaModel NewModel() => LlamaModel.Create(TestModel.Config, 3);

    private static double Length(float[] values) => Math.Sqrt(values.Sum(value => (double)value * value));

    /// <summary>The first step's gradient, before the optimizer has it.</summary>
    private float[] Compute(TrainableModel model, PrivateTraining training, out TrainingTotals totals, InstructionDataset? dataset = null)
    {
        using var workers = new Workers(1);
        using var gradients = new PrivateGradients(model, dataset ?? _dataset, Options, training, workers);
        totals = gradients.Compute(0);
        return [.. gradients.Result.All.SelectMany(tensor => tensor.Buffer.Span(0, (int)tensor.Buffer.Length).ToArray())];
    }

    private byte[] Trained(TrainingOptions options) => Trained(options, new TrainingFiles(), out _);

    private byte[] Trained(TrainingOptions options, TrainingFiles files, out TrainingResult result)
    {
        using LlamaModel model = NewModel();
        result = Trainer.Train(model, _dataset, options, null, Cancel, files);
        return MemoryTensors.AllBytes(model.Weights);
    }

    private byte[] TrainedAdapters(TrainingOptions options)
    {
        using LlamaModel frozen = NewModel();
        using LoraModel model = LoraModel.Create(frozen, Lora, 1);
        Trainer.Train(model, _dataset, options, null, Cancel);
        return MemoryTensors.AllBytes(model.Weights);
    }

    private string Path(string name) => System.IO.Path.Combine(_folder.Path, name);

    private sealed class After(Action<TrainingProgress> then) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => then(value);
    }
}
