using Tributary.Tensors;

namespace Tributary.Training.Tests.Lora;

/// <summary>Adapters beside a Llama that stays as it is. Their numbers are compared with PyTorch's in StepFixtureTests.</summary>
public sealed class LoraModelTests : IDisposable
{
    private static readonly LoraConfig Some = new() { Rank = 3, Alpha = 6, Targets = ["v_proj", "q_proj", "down_proj"], Dropout = 0.2 };

    private readonly TestFolder _folder = new();
    private readonly InstructionDataset _dataset;
    private readonly LlamaModel _base = LlamaModel.Create(TestModel.Config, 3);

    public LoraModelTests()
    {
        string[] words = ["hello", "a hello", "zebra", "hello hello hello", "ab", "🦆", "abab"];
        string path = _folder.Write(
            "data.jsonl", string.Join('\n', words.Select(word => $$"""{"instruction":"say {{word}}","response":"{{word}} hello"}""")));
        _dataset = InstructionDataset.Load(path, TestTokenizer.Load(), 96);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _base.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Adapters_have_PEFTs_names_and_shapes()
    {
        using LoraModel model = LoraModel.Create(_base, Some, 1);
        model.Weights.Manifest.Select(entry => $"{entry.Spec.Name} {entry.Spec.Shape}").Take(6).ShouldBe(
        [
            "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight [3, 24]", "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight [24, 3]",
            "base_model.model.model.layers.0.self_attn.v_proj.lora_A.weight [3, 24]", "base_model.model.model.layers.0.self_attn.v_proj.lora_B.weight [12, 3]",
            "base_model.model.model.layers.0.mlp.down_proj.lora_A.weight [3, 40]", "base_model.model.model.layers.0.mlp.down_proj.lora_B.weight [24, 3]",
        ]);
        model.Weights.Manifest.Select(entry => entry.Spec).ShouldBe(Some.Tensors(TestModel.Config));
        LoraConfig all = Some with { Targets = LoraConfig.AllTargets };
        all.Tensors(TestModel.Config).Count.ShouldBe(2 * 2 * 7);
    }

    [Fact]
    public void Fresh_adapters_leave_the_model_as_it_is_and_can_learn()
    {
        using LoraModel model = LoraModel.Create(_base, Some with { Rank = 64 }, 1);
        float[] a = MemoryTensors.Floats(model.Weights, 0), b = MemoryTensors.Floats(model.Weights, 1);
        float bound = 1 / MathF.Sqrt(24);
        a.ShouldAllBe(value => Math.Abs(value) <= bound);
        Math.Sqrt(a.Average(value => value * value)).ShouldBe(bound / Math.Sqrt(3), 0.03 * bound);
        b.ShouldAllBe(value => value == 0);
        Loss(model).ShouldBe(Loss(_base));
        MemoryTensors.AllBytes(LoraModel.Create(_base, model.Lora, 1).Weights).ShouldBe(MemoryTensors.AllBytes(model.Weights));
        MemoryTensors.AllBytes(LoraModel.Create(_base, model.Lora, 2).Weights).ShouldNotBe(MemoryTensors.AllBytes(model.Weights));
    }

    [Fact]
    public void Training_lowers_the_loss_and_changes_nothing_of_the_base()
    {
        // A base that has learnt something else: random weights have too small an output for adapters to steer.
        string path = _folder.Write("other.jsonl", """{"instruction":"say hello","response":"aaaa zebra zebra"}""");
        Trainer.Train(_base, InstructionDataset.Load(path, TestTokenizer.Load(), 96), Options(1, epochs: 20), null, Cancel);
        byte[] before = MemoryTensors.AllBytes(_base.Weights);
        using LoraModel model = LoraModel.Create(_base, Some, 1);
        double loss = Loss(model);
        Train(model, 1, epochs: 20);
        Loss(model).ShouldBeLessThan(loss / 2);
        MemoryTensors.AllBytes(_base.Weights).ShouldBe(before);
    }

    [Fact]
    public void The_same_seed_gives_the_same_bytes_with_any_number_of_threads_and_beside_others_on_the_same_base()
    {
        byte[] alone = Trained(1);
        Trained(2).ShouldBe(alone);
        Trained(3).ShouldBe(alone);
        byte[][] together = new byte[3][];
        Parallel.For(0, together.Length, i => together[i] = Trained(1));
        together.ShouldAllBe(bytes => bytes.SequenceEqual(alone));
    }

    [Fact]
    public void Dropout_leaves_out_its_share_in_the_mean_and_nothing_where_a_loss_is_measured()
    {
        byte[] with = Trained(1), without = Trained(1, Some with { Dropout = 0 });
        with.ShouldNotBe(without);
        using LoraModel model = LoraModel.Load(_base, Some, Copy(with));
        using LoraModel plain = LoraModel.Load(_base, Some with { Dropout = 0 }, Copy(with));
        Loss(model).ShouldBe(Loss(plain));
    }

    [Fact]
    public void A_run_that_was_cut_short_goes_on_with_the_same_draws()
    {
        byte[] undisturbed = Trained(1);
        var files = new TrainingFiles { Checkpoint = Path.Combine(_folder.Path, "checkpoint"), CheckpointEvery = 2 };
        using var cut = new CancellationTokenSource();
        using (LoraModel model = LoraModel.Create(_base, Some, 1))
        {
            var progress = new After(report => { if (report.Step == 5) { cut.Cancel(); } });
            Should.Throw<OperationCanceledException>(() => Trainer.Train(model, _dataset, Options(1), progress, cut.Token, files));
        }

        using LoraModel again = LoraModel.Create(_base, Some, 1);
        Trainer.Train(again, _dataset, Options(1), null, Cancel, files).StepsResumed.ShouldBe(4);
        MemoryTensors.AllBytes(again.Weights).ShouldBe(undisturbed);
    }

    [Theory]
    [InlineData("base_model.model.model.layers.1.mlp.down_proj.lora_B.weight", "is missing among the adapters")]
    [InlineData("", "adapters of rank 4 need a dense F32, F16 or BF16 [4, 24]")]
    public void Adapters_that_do_not_fit_are_refused_by_name_and_change_nothing(string missing, string said)
    {
        using LoraModel other = LoraModel.Create(_base, Some, 2);
        MemoryTensors source = MemoryTensors.Copy(other.Weights, change: spec => spec.Name == missing ? null : spec);
        using LoraModel model = LoraModel.Create(_base, missing.Length == 0 ? Some with { Rank = 4 } : Some, 1);
        byte[] before = MemoryTensors.AllBytes(model.Weights);
        Should.Throw<TensorFormatException>(() => model.CopyFrom(source)).Message.ShouldContain(said);
        MemoryTensors.AllBytes(model.Weights).ShouldBe(before);
    }

    [Fact]
    public void An_adapter_of_a_layer_that_is_no_target_is_refused_by_name()
    {
        using LoraModel other = LoraModel.Create(_base, Some, 2);
        Should.Throw<TensorFormatException>(() => LoraModel.Load(_base, Some with { Targets = ["q_proj", "v_proj"] }, other.Weights))
            .Message.ShouldContain("'base_model.model.model.layers.0.mlp.down_proj.lora_A.weight' is no adapter of q_proj, v_proj in 2 layers");
    }

    [Fact]
    public void All_that_is_out_of_range_is_reported_together()
    {
        var wrong = new LoraConfig { Rank = 0, Alpha = double.NaN, Targets = ["q_proj", "lm_head"], Dropout = 1 };
        string message = Should.Throw<ArgumentException>(wrong.Validate).Message;
        foreach (string said in new[] { "the rank is 0", "alpha is NaN", "dropout is 1", "the targets are q_proj, lm_head" })
        {
            message.ShouldContain(said);
        }

        Should.Throw<ArgumentException>((Some with { Targets = ["q_proj", "q_proj"] }).Validate);
        Should.Throw<ArgumentException>((Some with { Targets = [] }).Validate);
    }

    private static TrainingOptions Options(int threads, int epochs = 4) => new() { BatchSize = 3, LearningRate = 2e-2, Epochs = epochs, Seed = 5, Threads = threads };

    private double Loss(TrainableModel model) => Evaluator.Evaluate(model, _dataset, 1, Cancel).MeanLoss;

    private void Train(LoraModel model, int threads, int epochs = 4) => Trainer.Train(model, _dataset, Options(threads, epochs), null, Cancel);

    private byte[] Trained(int threads, LoraConfig? lora = null)
    {
        using LoraModel model = LoraModel.Create(_base, lora ?? Some, 1);
        Train(model, threads);
        return MemoryTensors.AllBytes(model.Weights);
    }

    private MemoryTensors Copy(byte[] bytes)
    {
        int at = 0;
        return new MemoryTensors([.. Some.Tensors(TestModel.Config).Select(spec =>
        {
            int length = (int)spec.ElementCount * sizeof(float);
            at += length;
            return (spec, bytes[(at - length)..at]);
        })]);
    }

    private sealed class After(Action<TrainingProgress> then) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => then(value);
    }
}
