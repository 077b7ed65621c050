using System.Text.Json.Nodes;
using Tributary.TestKit;
using Tributary.Tensors.Checkpoints;

namespace Tributary.Tensors.Tests.Checkpoints;

/// <summary>Whoever measures with a preset measures another model than the published one if these differ.</summary>
public sealed class ModelPresetTests
{
    public static TheoryData<string> Names => [.. ModelPreset.All.Select(preset => preset.Name)];

    [Theory]
    [InlineData("llama-3.2-1b", DType.F32, 147, 1_498_482_688, 5_993_930_752)]
    [InlineData("llama-3.1-8b", DType.BF16, 291, 8_030_261_248, 16_060_522_496)]
    [InlineData("gpt2-large", DType.F32, 472, 774_030_080, 3_247_115_264)]
    [InlineData("stories260k", DType.F32, 47, 260_032, 1_040_128)]
    [InlineData("stories15m", DType.F32, 56, 15_191_712, 60_766_848)]
    public void A_preset_has_the_published_number_of_tensors_parameters_and_bytes(string name, DType dtype, int tensors, long parameters, long bytes)
    {
        ModelPreset preset = ModelPreset.Find(name)!;
        preset.DType.ShouldBe(dtype);
        preset.Manifest.Count.ShouldBe(tensors);
        preset.Architecture.ParameterCount.ShouldBe(parameters);
        preset.Manifest.ByteLength.ShouldBe(bytes);
        preset.Manifest.ShouldAllBe(entry => entry.Spec.DType == dtype);
    }

    [Theory]
    [InlineData("llama-3.2-1b", 16, 2048, 512, 8192)]
    [InlineData("llama-3.1-8b", 32, 4096, 1024, 14336)]
    public void A_Llama_has_the_published_names_and_shapes(string name, int layers, long hidden, long keyValue, long intermediate)
    {
        var expected = new List<string> { $"model.embed_tokens.weight [128256, {hidden}]" };
        for (int layer = 0; layer < layers; layer++)
        {
            string prefix = $"model.layers.{layer}.";
            expected.AddRange(
            [
                $"{prefix}input_layernorm.weight [{hidden}]",
                $"{prefix}self_attn.q_proj.weight [{hidden}, {hidden}]",
                $"{prefix}self_attn.k_proj.weight [{keyValue}, {hidden}]",
                $"{prefix}self_attn.v_proj.weight [{keyValue}, {hidden}]",
                $"{prefix}self_attn.o_proj.weight [{hidden}, {hidden}]",
                $"{prefix}post_attention_layernorm.weight [{hidden}]",
                $"{prefix}mlp.gate_proj.weight [{intermediate}, {hidden}]",
                $"{prefix}mlp.up_proj.weight [{intermediate}, {hidden}]",
                $"{prefix}mlp.down_proj.weight [{hidden}, {intermediate}]",
            ]);
        }

        expected.AddRange([$"model.norm.weight [{hidden}]", $"lm_head.weight [128256, {hidden}]"]);
        NamesAndShapes(name).ShouldBe(expected);
    }

    [Fact]
    public void GPT_2_large_has_the_published_names_and_shapes()
    {
        var expected = new List<string> { "transformer.wte.weight [50257, 1280]", "transformer.wpe.weight [1024, 1280]" };
        for (int layer = 0; layer < 36; layer++)
        {
            string prefix = $"transformer.h.{layer}.";
            expected.AddRange(
            [
                $"{prefix}ln_1.weight [1280]", $"{prefix}ln_1.bias [1280]",
                $"{prefix}attn.bias [1, 1, 1024, 1024]",
                $"{prefix}attn.c_attn.weight [1280, 3840]", $"{prefix}attn.c_attn.bias [3840]",
                $"{prefix}attn.c_proj.weight [1280, 1280]", $"{prefix}attn.c_proj.bias [1280]",
                $"{prefix}ln_2.weight [1280]", $"{prefix}ln_2.bias [1280]",
                $"{prefix}mlp.c_fc.weight [1280, 5120]", $"{prefix}mlp.c_fc.bias [5120]",
                $"{prefix}mlp.c_proj.weight [5120, 1280]", $"{prefix}mlp.c_proj.bias [1280]",
            ]);
        }

        expected.AddRange(["transformer.ln_f.weight [1280]", "transformer.ln_f.bias [1280]"]);
        NamesAndShapes("gpt2-large").ShouldBe(expected);
    }

    [Fact]
    public void Stories260k_is_the_trained_model_of_that_name_tensor_by_tensor_and_in_its_config()
    {
        if (Repository.Shared("models/stories260K") is not { } folder)
        {
            Assert.Skip("the model is not beside the repository");
            return;
        }

        ModelPreset preset = ModelPreset.Find("stories260k")!;
        using Checkpoint trained = Checkpoint.Open(folder);
        preset.Manifest.Select(entry => entry.Spec).ShouldBe(trained.Manifest.Select(entry => entry.Spec), ignoreOrder: true);
        JsonObject config = preset.Architecture.Config(DType.F32);
        foreach ((string key, JsonNode? value) in JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "config.json")))!.AsObject())
        {
            JsonNode.DeepEquals(config[key], value).ShouldBeTrue($"{key}: {config[key]?.ToJsonString()}, not {value?.ToJsonString()}");
        }
    }

    [Fact]
    public void The_stretched_positions_of_Llama_3_are_in_its_config()
    {
        JsonObject config = ModelPreset.Find("llama-3.2-1b")!.Architecture.Config(DType.BF16);
        JsonNode.DeepEquals(config["rope_scaling"], JsonNode.Parse(
            """{"rope_type": "llama3", "factor": 32, "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 8192}""")).ShouldBeTrue();
        config["rope_theta"]!.GetValue<double>().ShouldBe(500000);
        config["tie_word_embeddings"]!.GetValue<bool>().ShouldBeFalse("lm_head is a tensor of its own");
        config["bos_token_id"]!.GetValue<int>().ShouldBe(128000);
        config["torch_dtype"]!.GetValue<string>().ShouldBe("bfloat16");
        ModelPreset.Find("llama-3.1-8b")!.Architecture.Config(DType.BF16)["rope_scaling"]!["factor"]!.GetValue<double>().ShouldBe(8);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_scaled_preset_has_the_same_tensors_and_the_share_of_bytes_that_was_asked_for(string name)
    {
        ModelPreset preset = ModelPreset.Find(name)!;
        double least = preset.Architecture.ShareMin();
        least.ShouldBeLessThan(0.03);
        for (double share = least; share < 1; share *= 1.13)
        {
            TensorManifest scaled = preset.Architecture.Scaled(share).Tensors(preset.DType);
            scaled.Select(entry => entry.Spec.Name).ShouldBe(preset.Manifest.Select(entry => entry.Spec.Name));
            (scaled.ByteLength / (share * preset.Manifest.ByteLength)).ShouldBe(1, 0.02, $"{name} scaled to {share}");
            scaled.ShouldAllBe(entry => entry.Spec.ElementCount > 0);
        }

        preset.Architecture.Scaled(1).ShouldBe(preset.Architecture);
    }

    /// <summary>A thousandth of a model that is all embedding would measure something else.</summary>
    [Theory]
    [InlineData("llama-3.2-1b", 0.175, 0.1)]
    [InlineData("llama-3.2-1b", 0.035, 0.15)]
    [InlineData("llama-3.1-8b", 0.05, 0.15)]
    [InlineData("gpt2-large", 0.3, 0.15)]
    public void The_mix_of_tensors_stays_what_it_is(string name, double share, double tolerance)
    {
        ModelPreset preset = ModelPreset.Find(name)!;
        TensorManifest scaled = preset.Architecture.Scaled(share).Tensors(preset.DType);
        foreach ((TensorEntry full, TensorEntry small) in preset.Manifest.Zip(scaled).Where(pair => pair.First.Spec.Shape.Count > 1))
        {
            (small.ByteLength / (share * full.ByteLength)).ShouldBe(1, tolerance, $"{full.Spec} became {small.Spec}");
        }
    }

    [Fact]
    public void A_sixth_of_Llama_3_2_1B_is_1000_MiB()
    {
        TensorManifest scaled = ModelPreset.Find("llama-3.2-1b")!.Architecture.Scaled(0.175).Tensors(DType.F32);
        (scaled.ByteLength / (double)(1 << 20)).ShouldBe(1000, 1);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(1.01)]
    [InlineData(double.NaN)]
    [InlineData(0.0001)]
    public void A_share_that_cannot_be_is_refused(double share) =>
        Should.Throw<ArgumentOutOfRangeException>(() => ModelPreset.Find("llama-3.2-1b")!.Architecture.Scaled(share)).Message.ShouldContain("from 0.0001");

    private static IEnumerable<string> NamesAndShapes(string preset) => ModelPreset.Find(preset)!.Manifest.Select(entry => $"{entry.Spec.Name} {entry.Spec.Shape}");
}
