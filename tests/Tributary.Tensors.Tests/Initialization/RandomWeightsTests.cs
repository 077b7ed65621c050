using System.Security.Cryptography;
using Tributary.TestKit;
using Tributary.Tensors.Checkpoints;
using Tributary.Tensors.Initialization;

namespace Tributary.Tensors.Tests.Initialization;

public sealed class RandomWeightsTests
{
    private static readonly ModelArchitecture Llama = ModelPreset.Find("llama-3.2-1b")!.Architecture.Scaled(0.002);
    private static readonly ModelArchitecture Gpt2 = ModelPreset.Find("gpt2-large")!.Architecture.Scaled(0.005);

    [Theory]
    [InlineData(DType.F32)]
    [InlineData(DType.BF16)]
    public void A_strip_read_alone_is_what_it_is_in_its_tile(DType dtype)
    {
        using var weights = new RandomWeights(ModelPreset.Find("stories260k")!.Architecture with { Vocabulary = 40_000 }, dtype, seed: 1);
        byte[] whole = weights.ReadTensor("model.embed_tokens.weight");
        int first = Tile.ElementsMax * dtype.Size();
        byte[] strip = new byte[5000 * dtype.Size()];
        weights.Read(new Tile(0, 1), 8192 * dtype.Size(), strip);
        strip.ShouldBe(whole.AsSpan(first + (8192 * dtype.Size()), strip.Length).ToArray());
    }

    /// <summary>A step of training is compared with the same step of a smaller or a sharded model, so one tensor must not hang on the others.</summary>
    [Fact]
    public void A_tensors_values_depend_on_its_name_and_the_seed_and_on_nothing_else_in_the_model()
    {
        using var small = new RandomWeights(Llama, DType.F32, seed: 9);
        using var large = new RandomWeights(Llama with { Vocabulary = Llama.Vocabulary + 1000 }, DType.F32, seed: 9);
        using var other = new RandomWeights(Llama, DType.F32, seed: 10);
        byte[] expected = small.ReadTensor("model.embed_tokens.weight");
        large.ReadTensor("model.embed_tokens.weight").AsSpan(0, expected.Length).SequenceEqual(expected).ShouldBeTrue();
        large.ReadTensor("lm_head.weight").AsSpan(0, expected.Length).SequenceEqual(expected).ShouldBeFalse();
        other.ReadTensor("model.embed_tokens.weight").AsSpan().SequenceEqual(expected).ShouldBeFalse();
    }

    [Fact]
    public void BF16_weights_are_the_F32_ones_rounded()
    {
        using var wide = new RandomWeights(Llama, DType.F32, seed: 3);
        using var narrow = new RandomWeights(Llama, DType.BF16, seed: 3);
        using var cast = new CastSource(wide, DType.BF16);
        foreach (string name in new[] { "model.layers.1.mlp.down_proj.weight", "model.norm.weight" })
        {
            narrow.ReadTensor(name).ShouldBe(cast.ReadTensor(name));
        }
    }

    [Fact]
    public void Each_kind_of_tensor_of_a_Llama_has_the_scale_it_has_in_a_real_one()
    {
        using var weights = new RandomWeights(Llama, DType.F32, seed: 4);
        const double Residual = 0.02 / 5.656854; // 16 layers, two projections each
        foreach ((string name, double mean, double deviation) in new[]
        {
            ("model.embed_tokens.weight", 0, 0.02), ("lm_head.weight", 0, 0.02), ("model.layers.5.self_attn.q_proj.weight", 0, 0.02),
            ("model.layers.5.mlp.gate_proj.weight", 0, 0.02), ("model.layers.5.self_attn.o_proj.weight", 0, Residual),
            ("model.layers.5.mlp.down_proj.weight", 0, Residual), ("model.layers.5.input_layernorm.weight", 1, 0.05), ("model.norm.weight", 1, 0.05),
        })
        {
            AssertScale(weights, name, mean, deviation);
        }
    }

    [Fact]
    public void Each_kind_of_tensor_of_a_GPT_2_has_the_scale_it_has_in_a_real_one()
    {
        using var weights = new RandomWeights(Gpt2, DType.F32, seed: 4);
        const double Residual = 0.02 / 8.485281; // 36 layers, two projections each
        foreach ((string name, double mean, double deviation) in new[]
        {
            ("transformer.wte.weight", 0, 0.02), ("transformer.wpe.weight", 0, 0.02), ("transformer.h.7.attn.c_attn.weight", 0, 0.02),
            ("transformer.h.7.attn.c_proj.weight", 0, Residual), ("transformer.h.7.mlp.c_proj.weight", 0, Residual),
            ("transformer.h.7.mlp.c_proj.bias", 0, 0.002), ("transformer.h.7.ln_1.weight", 1, 0.05), ("transformer.h.7.ln_1.bias", 0, 0.002),
        })
        {
            AssertScale(weights, name, mean, deviation);
        }
    }

    [Fact]
    public void The_causal_mask_of_a_GPT_2_lets_a_position_see_itself_and_what_is_before_it()
    {
        using var weights = new RandomWeights(Gpt2, DType.F32, seed: 4);
        float[] mask = weights.ReadFloats("transformer.h.3.attn.bias");
        int positions = Gpt2.Positions;
        for (int i = 0; i < mask.Length; i++)
        {
            mask[i].ShouldBe(i % positions <= i / positions ? 1 : 0);
        }
    }

    /// <summary>The same bytes on every machine, with any number of threads: results that people publish can be compared.</summary>
    [Theory]
    [InlineData("stories260k", "848DC287727F0112A2560ADC440E1B3A4CA5E489873E0DCCD941F4A18F8372AA")]
    [InlineData("gpt2-large", "8FB7B8C4BC3EAB67D1B38881BB81242B49C3417AC9C9407AD4AD6B0F99D23724")]
    public void The_tensors_of_a_preset_are_the_same_for_ever(string preset, string digest)
    {
        ModelArchitecture architecture = ModelPreset.Find(preset)!.Architecture;
        using var weights = new RandomWeights(preset == "gpt2-large" ? architecture.Scaled(0.002) : architecture, DType.F32, seed: 1);
        foreach (int threads in new[] { 1, 3, 8 })
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            ParallelTiles.ForEachInOrder(weights, threads, (_, bytes) => hash.AppendData(bytes), TestContext.Current.CancellationToken);
            Convert.ToHexString(hash.GetHashAndReset()).ShouldBe(digest);
        }
    }

    [Fact]
    public void Integers_cannot_be_asked_for() => Should.Throw<ArgumentException>(() => new RandomWeights(Llama, DType.I32, seed: 1)).Message.ShouldContain("I32");

    private static void AssertScale(RandomWeights weights, string name, double mean, double deviation)
    {
        float[] values = weights.ReadFloats(name);
        double found = values.Average();
        found.ShouldBe(mean, 5 * deviation / Math.Sqrt(values.Length), name);
        Math.Sqrt(values.Average(value => (value - found) * (value - found))).ShouldBe(deviation, 5 * deviation / Math.Sqrt(2.0 * values.Length), name);
    }
}
