using System.Text.Json.Nodes;
using Tributary.Tensors;
using Tributary.Tensors.Checkpoints;

namespace Tributary.Training.Tests.Lora;

/// <summary>Adapters in files, and a model with its adapters in its weights.</summary>
public sealed class MergedModelTests : IDisposable
{
    private static readonly LoraConfig Lora = new() { Rank = 3, Alpha = 4.5, Targets = LoraConfig.AllTargets };

    private readonly TestFolder _folder = new();
    private readonly LlamaModel _base = LlamaModel.Create(TestModel.Config, 3);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _base.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void A_merged_model_has_the_loss_of_its_base_with_the_adapters()
    {
        string data = _folder.Write("data.jsonl", """{"instruction":"say hello","response":"hello hello"}""");
        InstructionDataset dataset = InstructionDataset.Load(data, TestTokenizer.Load(), 96);
        using LoraModel adapted = Adapted();
        double expected = Evaluator.Evaluate(adapted, dataset, 1, Cancel).MeanLoss;
        Math.Abs(expected - Evaluator.Evaluate(_base, dataset, 1, Cancel).MeanLoss).ShouldBeGreaterThan(0.01);

        using PeftAdapter adapter = Saved(adapted, "adapter");
        using var merged = new MergedModel(_base.Weights, adapter);
        using LlamaModel model = LlamaModel.Load(TestModel.Config, merged);
        Evaluator.Evaluate(model, dataset, 1, Cancel).MeanLoss.ShouldBe(expected, 1e-5);
    }

    [Theory]
    [InlineData(DType.F32, 1e-6f)]
    [InlineData(DType.BF16, 4e-3f)]
    public void Every_element_of_a_matrix_of_several_tiles_is_the_product_added_in_the_bases_type(DType dtype, float tolerance)
    {
        // 1100 rows of 1001: a tile ends in the middle of a row, and rows end at no multiple of a vector's length.
        const int Rows = 1100, Columns = 1001;
        MemoryTensors weights = MemoryTensors.Copy(Random(1, ("w.weight", Rows, Columns), ("other.weight", 5, 7)), dtype);
        MemoryTensors pair = Random(2, (LoraConfig.NameOfA("w.weight"), 3, Columns), (LoraConfig.NameOfB("w.weight"), Rows, 3));
        PeftAdapter.Write(pair, Lora, "base", null, Path("adapter"), Cancel);
        using PeftAdapter adapter = PeftAdapter.Open(Path("adapter"));
        adapter.BaseDigest.ShouldBeNull();
        using var merged = new MergedModel(weights, adapter);
        merged.Manifest[0].Spec.DType.ShouldBe(dtype);
        float[] w = MemoryTensors.Floats(weights, 0), a = MemoryTensors.Floats(pair, 0), b = MemoryTensors.Floats(pair, 1);
        float[] actual = MemoryTensors.Floats(merged, 0);
        for (int i = 0; i < actual.Length; i++)
        {
            (int row, int column) = (i / Columns, i % Columns);
            double sum = w[i] + (1.5 * Enumerable.Range(0, 3).Sum(k => (double)b[(row * 3) + k] * a[(k * Columns) + column]));
            if (Math.Abs(actual[i] - sum) > tolerance * (1 + Math.Abs(sum)))
            {
                actual[i].ShouldBe((float)sum, tolerance, $"[{row}, {column}]");
            }
        }

        MemoryTensors.Floats(merged, 1).ShouldBe(MemoryTensors.Floats(weights, 1));

        // A strip within a tile is the same elements.
        var strip = new byte[Tile.StripAlignment * dtype.Size()];
        merged.Read(new Tile(0, 0), 3 * Tile.StripAlignment * dtype.Size(), strip);
        var values = new float[Tile.StripAlignment];
        DenseFloats.Widen(dtype, strip, values);
        values.ShouldBe(actual[(3 * Tile.StripAlignment)..(4 * Tile.StripAlignment)]);
    }

    [Fact]
    public void Saved_adapters_read_back_with_what_PEFT_needs_to_know_of_them()
    {
        using LoraModel adapted = Adapted();
        using (PeftAdapter adapter = Saved(adapted, "adapter", digest: "sha256:00"))
        {
            adapter.Rank.ShouldBe(3);
            adapter.Scaling.ShouldBe(1.5);
            adapter.BaseDigest.ShouldBe("sha256:00");
            MemoryTensors.AllBytes(adapter.Weights).ShouldBe(MemoryTensors.AllBytes(adapted.Weights));
        }

        JsonNode config = JsonNode.Parse(File.ReadAllText(Path("adapter/adapter_config.json")))!;
        config["peft_type"]!.GetValue<string>().ShouldBe("LORA");
        config["task_type"]!.GetValue<string>().ShouldBe("CAUSAL_LM");
        config["r"]!.GetValue<int>().ShouldBe(3);
        config["lora_alpha"]!.GetValue<double>().ShouldBe(4.5);
        config["target_modules"]!.AsArray().Select(node => node!.GetValue<string>()).ShouldBe(LoraConfig.AllTargets);
        Directory.GetFiles(Path("adapter")).Select(System.IO.Path.GetFileName).Order().ShouldBe(["adapter_config.json", "adapter_model.safetensors"]);
    }

    [Theory]
    [InlineData("bias", "\"all\"")]
    [InlineData("use_dora", "true")]
    [InlineData("fan_in_fan_out", "true")]
    [InlineData("peft_type", "\"LOHA\"")]
    [InlineData("rank_pattern", "{\"q_proj\":4}")]
    [InlineData("modules_to_save", "[\"lm_head\"]")]
    [InlineData("r", "0")]
    [InlineData("lora_alpha", "\"16\"")]
    public void A_configuration_that_means_another_product_is_refused_by_its_key(string key, string value)
    {
        Saved(Adapted(), "adapter").Dispose();
        Change(key, value);
        Should.Throw<ModelFormatException>(() => PeftAdapter.Open(Path("adapter"))).Message.ShouldContain($"adapter_config.json: {key}: ");
    }

    [Fact]
    public void Rank_stabilized_adapters_are_scaled_by_the_root()
    {
        Saved(Adapted(), "adapter").Dispose();
        Change("use_rslora", "true");
        using PeftAdapter adapter = PeftAdapter.Open(Path("adapter"));
        adapter.Scaling.ShouldBe(4.5 / Math.Sqrt(3), 1e-12);
    }

    [Fact]
    public void Merging_folders_leaves_a_whole_checkpoint_and_nothing_where_they_do_not_fit()
    {
        CheckpointWriter.Write(_base.Weights, Path("base"), cancellationToken: Cancel);
        File.WriteAllText(Path("base/config.json"), "{}");
        using LoraModel adapted = Adapted();
        using (Checkpoint checkpoint = Checkpoint.Open(Path("base")))
        {
            Saved(adapted, "adapter", CheckpointDigest.Of(checkpoint, Cancel)).Dispose();
        }

        MergedModel.Write(Path("base"), Path("adapter"), Path("merged"), null, Cancel);
        Directory.GetFiles(Path("merged")).Select(System.IO.Path.GetFileName).Order().ShouldBe(["config.json", "model.safetensors"]);
        using (Checkpoint merged = Checkpoint.Open(Path("merged")))
        {
            merged.Manifest.Select(entry => entry.Spec).ShouldBe(_base.Weights.Manifest.Select(entry => entry.Spec), ignoreOrder: true);
        }

        Should.Throw<IOException>(() => MergedModel.Write(Path("base"), Path("adapter"), Path("merged"), null, Cancel)).Message.ShouldContain("is there already");

        using LlamaModel other = LlamaModel.Create(TestModel.Config, 4);
        CheckpointWriter.Write(other.Weights, Path("other"), cancellationToken: Cancel);
        string message = Should.Throw<TensorFormatException>(() => MergedModel.Write(Path("other"), Path("adapter"), Path("wrong"), null, Cancel)).Message;
        message.ShouldContain("was trained on a base with the digest sha256:");
        Directory.GetFileSystemEntries(_folder.Path, "wrong*").ShouldBeEmpty();
    }

    [Fact]
    public void Adapters_of_another_model_are_refused_by_name()
    {
        using PeftAdapter adapter = Saved(Adapted(), "adapter");
        using LlamaModel shallow = LlamaModel.Create(TestModel.Config with { LayerCount = 1 }, 3);
        Should.Throw<TensorFormatException>(() => new MergedModel(shallow.Weights, adapter)).Message
            .ShouldContain("'base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight' of the adapter belongs to no weight of the base");
        using LlamaModel narrow = LlamaModel.Create(TestModel.Config with { IntermediateSize = 48 }, 3);
        Should.Throw<TensorFormatException>(() => new MergedModel(narrow.Weights, adapter)).Message.ShouldContain("[48, 24] and with rank 3 it should be a float [48, 3]");
    }

    private static MemoryTensors Random(int seed, params (string Name, int Rows, int Columns)[] tensors)
    {
        var random = new Random(seed);
        return new MemoryTensors([.. tensors.Select(tensor => (
            new TensorSpec(tensor.Name, DType.F32, new TensorShape(tensor.Rows, tensor.Columns)),
            Enumerable.Range(0, tensor.Rows * tensor.Columns).SelectMany(_ => BitConverter.GetBytes((float)(random.NextDouble() - 0.5))).ToArray()))]);
    }

    private LoraModel Adapted()
    {
        LoraModel model = LoraModel.Create(_base, Lora, 1);
        var random = new Random(7);
        foreach (LlamaTensor tensor in model.Adapters.All)
        {
            foreach (ref float value in tensor.Buffer.Span(0, (int)tensor.Buffer.Length))
            {
                value = (float)(random.NextDouble() - 0.5) * 0.5f;
            }
        }

        return model;
    }

    private PeftAdapter Saved(LoraModel model, string folder, string? digest = null)
    {
        PeftAdapter.Write(model.Weights, Lora, "base", digest, Path(folder), Cancel);
        return PeftAdapter.Open(Path(folder));
    }

    private void Change(string key, string value)
    {
        JsonNode config = JsonNode.Parse(File.ReadAllText(Path("adapter/adapter_config.json")))!;
        config[key] = JsonNode.Parse(value);
        File.WriteAllText(Path("adapter/adapter_config.json"), config.ToJsonString());
    }

    private string Path(string name) => System.IO.Path.Combine(_folder.Path, name);
}
