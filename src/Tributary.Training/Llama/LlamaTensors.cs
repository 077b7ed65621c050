using Tributary.Training.Memory;

namespace Tributary.Training;

/// <summary>
/// One buffer for every tensor of a Llama: its weights, or the gradients of its weights. Names and shapes are those of
/// Hugging Face's LlamaForCausalLM.
/// </summary>
internal sealed class LlamaTensors : ParameterSet
{
    public const string EmbeddingName = "model.embed_tokens.weight";
    public const string HeadName = "lm_head.weight";

    public LlamaTensors(LlamaConfig config)
    {
        int hidden = config.HiddenSize, queries = config.HeadCount * config.HeadLength;
        int keys = config.KeyValueHeadCount * config.HeadLength, inner = config.IntermediateSize;
        Embedding = Add(EmbeddingName, config.VocabularySize, hidden, ParameterKind.Embedding);
        Layers = new LayerTensors[config.LayerCount];
        for (int layer = 0; layer < Layers.Length; layer++)
        {
            string prefix = $"model.layers.{layer}.";
            Layers[layer] = new LayerTensors
            {
                InputNorm = AddNorm(prefix + "input_layernorm.weight", hidden),
                Query = AddLinear(prefix + "self_attn.q_proj.weight", queries, hidden),
                Key = AddLinear(prefix + "self_attn.k_proj.weight", keys, hidden),
                Value = AddLinear(prefix + "self_attn.v_proj.weight", keys, hidden),
                Output = AddLinear(prefix + "self_attn.o_proj.weight", hidden, queries),
                MiddleNorm = AddNorm(prefix + "post_attention_layernorm.weight", hidden),
                Gate = AddLinear(prefix + "mlp.gate_proj.weight", inner, hidden),
                Up = AddLinear(prefix + "mlp.up_proj.weight", inner, hidden),
                Down = AddLinear(prefix + "mlp.down_proj.weight", hidden, inner),
            };
        }

        Norm = AddNorm("model.norm.weight", hidden);
        Head = config.TiedEmbeddings ? Embedding : AddLinear(HeadName, config.VocabularySize, hidden);
    }

    public Matrix Embedding { get; }

    public LayerTensors[] Layers { get; }

    public Matrix Norm { get; }

    /// <summary>The output head: the embedding itself where they are tied.</summary>
    public Matrix Head { get; }

    private Matrix AddLinear(string name, int rows, int columns) => Add(name, rows, columns, ParameterKind.Linear);
}

/// <summary>The tensors of a layer; norms are matrices of one row.</summary>
internal readonly struct LayerTensors
{
    public required Matrix InputNorm { get; init; }

    public required Matrix Query { get; init; }

    public required Matrix Key { get; init; }

    public required Matrix Value { get; init; }

    public required Matrix Output { get; init; }

    public required Matrix MiddleNorm { get; init; }

    public required Matrix Gate { get; init; }

    public required Matrix Up { get; init; }

    public required Matrix Down { get; init; }
}
