using System.Text.Json;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;
using Tributary.Training.Memory;
using Tributary.Training.Optimization;

namespace Tributary.Training.Tests.Llama;

/// <summary>Our Llama beside the one in Fixtures/make_fixture.py, which is PyTorch in double precision.</summary>
public sealed class LlamaFixtureTests
{
    [Theory]
    [InlineData("tied", 1)]
    [InlineData("separate", 1)]
    [InlineData("separate", 2)]
    public void Loss_gradients_and_three_steps_of_AdamW_are_PyTorchs_tensor_by_tensor(string name, int threads)
    {
        string folder = Path.Combine(AppContext.BaseDirectory, "Fixtures", name);
        JsonElement expected = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "expected.json"))).RootElement;
        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(folder, "tensors.safetensors"));
        using LlamaModel model = LlamaModel.Load(LlamaConfig.Load(folder), Prefixed(file, "initial."));
        TokenBatch batch = Batch(expected);
        JsonElement given = expected.GetProperty("options");
        var options = new TrainingOptions
        {
            LearningRate = given.GetProperty("learning_rate").GetDouble(),
            WeightDecay = given.GetProperty("weight_decay").GetDouble(),
            Beta1 = given.GetProperty("beta1").GetDouble(),
            Beta2 = given.GetProperty("beta2").GetDouble(),
            Epsilon = given.GetProperty("epsilon").GetDouble(),
            Decay = WeightDecayScope.Matrices,
        };
        double clip = given.GetProperty("clip_norm").GetDouble();
        using var workers = new Workers(threads);
        using var pass = new LlamaPass(model, batch.Rows, 64, forTraining: true, workers);
        using var gradients = new LlamaTensors(model.Config);
        using var optimizer = new AdamW(model.Tensors, options);

        for (int step = 0; step < given.GetProperty("steps").GetInt32(); step++)
        {
            gradients.Clear();
            double loss = pass.LossAndGradients(batch, gradients, batch.Responses) / batch.Responses;
            double norm = GradientNorm.Of(gradients);
            loss.ShouldBe(expected.GetProperty("losses")[step].GetDouble(), 2e-5);
            double expectedNorm = expected.GetProperty("gradient_norms")[step].GetDouble();
            norm.ShouldBe(expectedNorm, 1e-4 * expectedNorm);
            if (step == 0)
            {
                ShouldAgree(gradients, Prefixed(file, "gradient."));
            }

            optimizer.Step(model.Tensors, gradients, options.LearningRate, (float)Math.Min(1, clip / norm), workers);
        }

        ShouldAgree(model.Tensors, Prefixed(file, "after."));
    }

    [Fact]
    public void Evaluation_gives_the_loss_that_training_sees()
    {
        string folder = Path.Combine(AppContext.BaseDirectory, "Fixtures", "tied");
        JsonElement expected = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "expected.json"))).RootElement;
        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(folder, "tensors.safetensors"));
        using LlamaModel model = LlamaModel.Load(LlamaConfig.Load(folder), Prefixed(file, "initial."));
        TokenBatch batch = Batch(expected);
        using var workers = new Workers(1);
        using var pass = new LlamaPass(model, batch.Rows, 64, forTraining: false, workers);
        (pass.Loss(batch) / batch.Responses).ShouldBe(expected.GetProperty("losses")[0].GetDouble(), 2e-5);
    }

    private static TokenBatch Batch(JsonElement expected)
    {
        int[][] sequences = expected.GetProperty("tokens").Deserialize<int[][]>()!;
        int[] starts = expected.GetProperty("response_starts").Deserialize<int[]>()!;
        var batch = new TokenBatch(sequences.Length, sequences.Sum(sequence => sequence.Length - 1));
        for (int i = 0; i < sequences.Length; i++)
        {
            batch.Add(sequences[i], starts[i]);
        }

        return batch;
    }

    private static void ShouldAgree(LlamaTensors actual, TensorSource expected)
    {
        foreach (LlamaTensor tensor in actual.All)
        {
            float[] values = MemoryTensors.Floats(expected, expected.Manifest.IndexOf(tensor.Name));
            float scale = values.Max(Math.Abs);
            for (int i = 0; i < values.Length; i++)
            {
                tensor.Buffer.Span(i, 1)[0].ShouldBe(values[i], 1e-4f * scale, $"{tensor.Name}[{i}]");
            }
        }
    }

    private static MemoryTensors Prefixed(SafetensorsFile file, string prefix) => MemoryTensors.Copy(
        file, change: spec => spec.Name.StartsWith(prefix, StringComparison.Ordinal) ? spec with { Name = spec.Name[prefix.Length..] } : null);
}
