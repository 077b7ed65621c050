using System.Text.Json.Nodes;
using Tributary.Tensors.Initialization;

namespace Tributary.Tensors.Checkpoints;

/// <summary>A Llama, as Hugging Face's LlamaForCausalLM has it.</summary>
public sealed record LlamaArchitecture : ModelArchitecture
{
    /// <summary>The key and value heads of a layer, a divisor of the query heads.</summary>
    public required int KeyValueHeads { get; init; }

    /// <summary>Whether the output head is a tensor of its own, not the embedding.</summary>
    public required bool SeparateHead { get; init; }

    /// <summary>The base of the rotary frequencies.</summary>
    public required double RopeTheta { get; init; }

    /// <summary>How much longer than the 8192 positions of the first training the sequences may be, in Llama 3.1's manner; null for no such stretching.</summary>
    public double? RopeFactor { get; init; }

    /// <summary>The token that a text begins with.</summary>
    public required int BosToken { get; init; }

    /// <summary>The token that a text ends with.</summary>
    public required int EosToken { get; init; }

    /// <inheritdoc/>
    public override TensorManifest Tensors(DType dtype) => new(
        LlamaTensorNames.Of(dtype, Vocabulary, Layers, Hidden, Hidden, KeyValueHeads * HeadLength, Intermediate, SeparateHead).Select(spec => new TensorEntry(spec)));

    /// <inheritdoc/>
    public override WeightDistribution Distribution(TensorSpec tensor) =>
        tensor.Shape.Count == 1 ? WeightDistribution.Norm
        : tensor.Name.EndsWith(".o_proj.weight", StringComparison.Ordinal) || tensor.Name.EndsWith(".down_proj.weight", StringComparison.Ordinal) ? WeightDistribution.Residual(Layers)
        : WeightDistribution.Matrix;

    /// <inheritdoc/>
    public override JsonObject Config(DType dtype)
    {
        var config = new JsonObject
        {
            ["architectures"] = new JsonArray("LlamaForCausalLM"),
            ["model_type"] = "llama",
            ["hidden_size"] = Hidden,
            ["intermediate_size"] = Intermediate,
            ["num_hidden_layers"] = Layers,
            ["num_attention_heads"] = Heads,
            ["num_key_value_heads"] = KeyValueHeads,
            ["head_dim"] = HeadLength,
            ["vocab_size"] = Vocabulary,
            ["max_position_embeddings"] = Positions,
            ["rms_norm_eps"] = 1e-5,
            ["rope_theta"] = RopeTheta,
            ["rope_scaling"] = RopeScaling(),
            ["hidden_act"] = "silu",
            ["attention_bias"] = false,
            ["mlp_bias"] = false,
            ["initializer_range"] = 0.02,
            ["tie_word_embeddings"] = !SeparateHead,
            ["bos_token_id"] = Token(BosToken),
            ["eos_token_id"] = Token(EosToken),
            ["torch_dtype"] = dtype.TorchName(),
        };
        return config;
    }

    /// <inheritdoc/>
    internal override ModelArchitecture Narrowed(int headLength, double width) => this with { HeadLength = headLength };

    private JsonObject? RopeScaling() => RopeFactor is not { } factor ? null : new JsonObject
    {
        ["rope_type"] = "llama3",
        ["factor"] = factor,
        ["low_freq_factor"] = 1.0,
        ["high_freq_factor"] = 4.0,
        ["original_max_position_embeddings"] = 8192,
    };
}
