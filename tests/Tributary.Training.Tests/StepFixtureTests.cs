using System.Text.Json;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;

namespace Tributary.Training.Tests;

/// <summary>Ten steps beside those of Fixtures/make_steps.py, which is PyTorch in double precision.</summary>
public sealed class StepFixtureTests
{
    private static readonly string Fixtures = Path.Combine(AppContext.BaseDirectory, "Fixtures");
    private static readonly JsonElement Cases = JsonDocument.Parse(File.ReadAllText(Path.Combine(Fixtures, "steps", "expected.json"))).RootElement;

    private static readonly TrainingOptions Options = new()
    {
        BatchSize = 3, Epochs = 10, LearningRate = 1e-2, WeightDecay = 0.1, Beta2 = 0.95, ClipNorm = 0.5, Seed = 7,
    };

    private readonly InstructionDataset _dataset = Records();

    [Fact]
    public void A_constant_rate_is_PyTorchs() => ShouldAgree("constant", Options);

    [Fact]
    public void A_linear_schedule_after_a_warm_up_of_steps_is_transformers() =>
        ShouldAgree("linear", Options with { Schedule = LearningRateSchedule.Linear, WarmupSteps = 3 });

    [Fact]
    public void A_cosine_schedule_after_a_warm_up_by_ratio_is_transformers() =>
        ShouldAgree("cosine", Options with { Schedule = LearningRateSchedule.Cosine, WarmupRatio = 0.2 });

    [Fact]
    public void Decay_of_all_matrices_is_that_of_two_groups() => ShouldAgree("decay_matrices", Options with { Decay = WeightDecayScope.Matrices });

    [Fact]
    public void Decay_of_everything_is_that_of_one_group() => ShouldAgree("decay_all", Options with { Decay = WeightDecayScope.All });

    [Fact]
    public void A_proximal_term_is_that_of_the_loss_it_is_added_to() => ShouldAgree("proximal", Options with { ProximalMu = 0.5 });

    [Theory]
    [InlineData(1, 3)]
    [InlineData(2, 2)]
    public void Accumulated_gradients_are_those_of_the_big_batch(int batch, int accumulation) =>
        ShouldAgree("constant", Options with { BatchSize = batch, GradientAccumulation = accumulation });

    [Fact]
    public void Two_trainings_with_a_kept_optimizer_and_one_schedule_are_one_long_training()
    {
        using var folder = new TestFolder();
        using LlamaModel model = Model();
        TrainingOptions half = Options with { Epochs = 5, Schedule = LearningRateSchedule.Cosine, WarmupRatio = 0.2, ScheduleTrainings = 2 };
        var files = new TrainingFiles { OptimizerTo = Path.Combine(folder.Path, "first") };
        List<double> losses = Train(model, half, files);
        losses.AddRange(Train(model, half with { ScheduleTraining = 1 }, new TrainingFiles { OptimizerFrom = files.OptimizerTo }));
        ShouldAgree("cosine", model, losses);
    }

    [Theory]
    [InlineData("lora", 0, 1)]
    [InlineData("lora", 0, 3)]
    [InlineData("lora_some", 0.5, 1)]
    public void LoRA_is_a_Llama_of_PyTorchs_with_adapters_written_out(string name, double mu, int threads)
    {
        using LlamaModel frozen = Model();
        byte[] before = MemoryTensors.AllBytes(frozen.Weights);
        using LoraModel model = Adapted(name, frozen);
        ShouldAgree(name, model, Train(model, Options with { ProximalMu = mu, Threads = threads }, null));
        MemoryTensors.AllBytes(frozen.Weights).ShouldBe(before);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Dropout_leaves_out_what_the_fixture_leaves_out_whatever_the_number_of_threads(int threads)
    {
        using LlamaModel frozen = Model();
        using LoraModel model = Adapted("lora_dropout", frozen);
        var one = new InstructionDataset([_dataset.Examples[0]], tokenizer: null, 64);
        ShouldAgree("lora_dropout", model, Train(model, Options with { Threads = threads }, null, one));
    }

    [Theory]
    [InlineData("private", 2, 1, 1)]
    [InlineData("private", 1, 2, 3)]
    [InlineData("private_frozen", 3, 2, 1)]
    [InlineData("private_lora", 2, 1, 2)]
    public void A_private_training_clips_and_noises_as_one_record_after_the_other_does(string name, int batch, int accumulation, int threads)
    {
        TrainingOptions options = Options with { BatchSize = batch, GradientAccumulation = accumulation, Threads = threads, Epochs = 5, Private = Private(name) };
        using LlamaModel llama = Model();
        using LoraModel? lora = name == "private_lora" ? Adapted(name, llama) : null;
        if (name == "private_frozen")
        {
            options = options with { ProximalMu = 0.5, Schedule = LearningRateSchedule.Linear, IsFrozen = tensor => tensor.Contains("o_proj", StringComparison.Ordinal) };
        }

        TrainableModel model = lora is null ? llama : lora;
        ShouldAgree(name, model, Train(model, options, null));
    }

    private static PrivateTraining Private(string name)
    {
        JsonElement given = Cases.GetProperty(name).GetProperty("private");
        return new PrivateTraining
        {
            ClipNorm = given.GetProperty("clip").GetDouble(),
            NoiseMultiplier = given.GetProperty("noise").GetDouble(),
            SamplingRate = given.GetProperty("rate").GetDouble(),
            Randomness = new NumberedRandomness(),
        };
    }

    private static LoraModel Adapted(string name, LlamaModel frozen)
    {
        JsonElement given = Cases.GetProperty(name).GetProperty("lora");
        var lora = new LoraConfig
        {
            Rank = given.GetProperty("rank").GetInt32(),
            Alpha = given.GetProperty("alpha").GetDouble(),
            Targets = given.GetProperty("targets").Deserialize<string[]>()!,
            Dropout = given.GetProperty("dropout").GetDouble(),
        };
        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(Fixtures, "steps", name + ".safetensors"));
        return LoraModel.Load(frozen, lora, Prefixed(file, "initial."));
    }

    private static InstructionDataset Records()
    {
        JsonElement expected = JsonDocument.Parse(File.ReadAllText(Path.Combine(Fixtures, "separate", "expected.json"))).RootElement;
        int[][] sequences = expected.GetProperty("tokens").Deserialize<int[][]>()!;
        int[] starts = expected.GetProperty("response_starts").Deserialize<int[]>()!;
        return new InstructionDataset([.. sequences.Zip(starts, (tokens, start) => new TrainingExample(tokens, start, Truncated: false))], tokenizer: null, 64);
    }

    private static LlamaModel Model()
    {
        string folder = Path.Combine(Fixtures, "separate");
        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(folder, "tensors.safetensors"));
        return LlamaModel.Load(LlamaConfig.Load(folder), Prefixed(file, "initial."));
    }

    private static MemoryTensors Prefixed(SafetensorsFile file, string prefix) => MemoryTensors.Copy(
        file, change: spec => spec.Name.StartsWith(prefix, StringComparison.Ordinal) ? spec with { Name = spec.Name[prefix.Length..] } : null);

    private static void ShouldAgree(string name, TrainableModel model, List<double> losses)
    {
        double[] expected = Cases.GetProperty(name).GetProperty("losses").Deserialize<double[]>()!;
        losses.Count.ShouldBe(expected.Length);
        for (int i = 0; i < losses.Count; i++)
        {
            losses[i].ShouldBe(expected[i], 2e-5, $"{name}, step {i + 1}");
        }

        using SafetensorsFile after = SafetensorsFile.Open(Path.Combine(Fixtures, "steps", name + ".safetensors"));
        foreach (LlamaTensor tensor in model.Trained.All)
        {
            float[] values = MemoryTensors.Floats(after, after.Manifest.IndexOf(tensor.Name));
            float scale = values.Max(Math.Abs);
            for (int i = 0; i < values.Length; i++)
            {
                tensor.Buffer.Span(i, 1)[0].ShouldBe(values[i], 2e-4f * scale, $"{name}: {tensor.Name}[{i}]");
            }
        }
    }

    private void ShouldAgree(string name, TrainingOptions options)
    {
        using LlamaModel model = Model();
        ShouldAgree(name, model, Train(model, options, null));
    }

    private List<double> Train(TrainableModel model, TrainingOptions options, TrainingFiles? files, InstructionDataset? dataset = null)
    {
        var losses = new Losses();
        Trainer.Train(model, dataset ?? _dataset, options, losses, TestContext.Current.CancellationToken, files);
        return losses.Values;
    }

    private sealed class Losses : IProgress<TrainingProgress>
    {
        public List<double> Values { get; } = [];

        public void Report(TrainingProgress value) => Values.Add(value.Loss);
    }
}
