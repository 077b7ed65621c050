using System.Text.Json.Nodes;
using Tributary.Tensors.Initialization;

namespace Tributary.Tensors.Checkpoints;

/// <summary>
/// A GPT-2, as Hugging Face's GPT2LMHeadModel names its tensors. Linear layers are of its Conv1D: [in, out]. The output head is the
/// embedding and is no tensor of its own; each layer's causal mask is one, as in the published files.
/// </summary>
public sealed record Gpt2Architecture : ModelArchitecture
{
    private const string MaskSuffix = ".attn.bias";

    // Begins and ends a text.
    private const int EndOfText = 50256;

    /// <inheritdoc/>
    public override TensorManifest Tensors(DType dtype)
    {
        var tensors = new List<TensorEntry>();
        void Add(string name, params ReadOnlySpan<long> shape) => tensors.Add(new TensorEntry(new TensorSpec("transformer." + name, dtype, new TensorShape(shape))));
        void AddBoth(string name, params ReadOnlySpan<long> shape)
        {
            Add(name + ".weight", shape);
            Add(name + ".bias", shape[^1]);
        }

        Add("wte.weight", Vocabulary, Hidden);
        Add("wpe.weight", Positions, Hidden);
        for (int layer = 0; layer < Layers; layer++)
        {
            string prefix = $"h.{layer}.";
            AddBoth(prefix + "ln_1", Hidden);
            Add(prefix + "attn.bias", 1, 1, Positions, Positions);
            AddBoth(prefix + "attn.c_attn", Hidden, 3L * Hidden);
            AddBoth(prefix + "attn.c_proj", Hidden, Hidden);
            AddBoth(prefix + "ln_2", Hidden);
            AddBoth(prefix + "mlp.c_fc", Hidden, Intermediate);
            AddBoth(prefix + "mlp.c_proj", Intermediate, Hidden);
        }

        AddBoth("ln_f", Hidden);
        return new TensorManifest(tensors);
    }

    /// <inheritdoc/>
    public override WeightDistribution Distribution(TensorSpec tensor) =>
        tensor.Name.EndsWith(MaskSuffix, StringComparison.Ordinal) ? WeightDistribution.CausalMask
        : tensor.Name.EndsWith(".bias", StringComparison.Ordinal) ? WeightDistribution.Bias
        : tensor.Shape.Count == 1 ? WeightDistribution.Norm
        : tensor.Name.EndsWith(".c_proj.weight", StringComparison.Ordinal) ? WeightDistribution.Residual(Layers)
        : WeightDistribution.Matrix;

    /// <inheritdoc/>
    public override JsonObject Config(DType dtype) => new()
    {
        ["architectures"] = new JsonArray("GPT2LMHeadModel"),
        ["model_type"] = "gpt2",
        ["n_embd"] = Hidden,
        ["n_inner"] = Intermediate == 4 * Hidden ? null : Intermediate,
        ["n_layer"] = Layers,
        ["n_head"] = Heads,
        ["n_positions"] = Positions,
        ["n_ctx"] = Positions,
        ["vocab_size"] = Vocabulary,
        ["activation_function"] = "gelu_new",
        ["layer_norm_epsilon"] = 1e-5,
        ["attn_pdrop"] = 0.1,
        ["embd_pdrop"] = 0.1,
        ["resid_pdrop"] = 0.1,
        ["initializer_range"] = 0.02,
        ["tie_word_embeddings"] = true,
        ["bos_token_id"] = Token(EndOfText),
        ["eos_token_id"] = Token(EndOfText),
        ["torch_dtype"] = dtype.TorchName(),
    };

    /// <inheritdoc/>
    internal override ModelArchitecture Narrowed(int headLength, double width) =>
        this with { HeadLength = headLength, Positions = (int)Math.Max(1, Math.Round(width * Positions)) };
}
