using Tributary.Tensors;
using Tributary.Training.Memory;

namespace Tributary.Training;

/// <summary>
/// One buffer for every tensor of a Llama: its weights, or the gradients of its weights. Names and shapes are those of
/// Hugging Face's LlamaForCausalLM.
/// </summary>
internal sealed class LlamaTensors : IDisposable
{
    public const string EmbeddingName = "model.embed_tokens.weight";
    public const string HeadName = "lm_head.weight";

    private readonly List<LlamaTensor> _all = [];

    public LlamaTensors(LlamaConfig config)
    {
        int hidden = config.HiddenSize, queries = config.HeadCount * config.HeadLength;
        int keys = config.KeyValueHeadCount * config.HeadLength, inner = config.IntermediateSize;
        Embedding = Add(EmbeddingName, config.VocabularySize, hidden);
        Layers = new LayerTensors[config.LayerCount];
        for (int layer = 0; layer < Layers.Length; layer++)
        {
            string prefix = $"model.layers.{layer}.";
            Layers[layer] = new LayerTensors
            {
                InputNorm = AddNorm(prefix + "input_layernorm.weight", hidden),
                Query = Add(prefix + "self_attn.q_proj.weight", queries, hidden),
                Key = Add(prefix + "self_attn.k_proj.weight", keys, hidden),
                Value = Add(prefix + "self_attn.v_proj.weight", keys, hidden),
                Output = Add(prefix + "self_attn.o_proj.weight", hidden, queries),
                MiddleNorm = AddNorm(prefix + "post_attention_layernorm.weight", hidden),
                Gate = Add(prefix + "mlp.gate_proj.weight", inner, hidden),
                Up = Add(prefix + "mlp.up_proj.weight", inner, hidden),
                Down = Add(prefix + "mlp.down_proj.weight", hidden, inner),
            };
        }

        Norm = AddNorm("model.norm.weight", hidden);
        Head = config.TiedEmbeddings ? Embedding : Add(HeadName, config.VocabularySize, hidden);
    }

    /// <summary>All tensors, each buffer once.</summary>
    public IReadOnlyList<LlamaTensor> All => _all;

    public Matrix Embedding { get; }

    public LayerTensors[] Layers { get; }

    public Matrix Norm { get; }

    /// <summary>The output head: the embedding itself where they are tied.</summary>
    public Matrix Head { get; }

    public void Clear()
    {
        foreach (LlamaTensor tensor in _all)
        {
            tensor.Buffer.Clear();
        }
    }

    public void Dispose()
    {
        foreach (LlamaTensor tensor in _all)
        {
            tensor.Buffer.Dispose();
        }
    }

    private Matrix Add(string name, int rows, int columns)
    {
        var tensor = new LlamaTensor(name, new TensorShape(rows, columns), new FloatBuffer((long)rows * columns));
        _all.Add(tensor);
        return tensor.Buffer.Matrix(rows, columns);
    }

    private Matrix AddNorm(string name, int length)
    {
        var tensor = new LlamaTensor(name, new TensorShape(length), new FloatBuffer(length));
        _all.Add(tensor);
        return tensor.Buffer.Matrix(1, length);
    }
}

/// <summary>A tensor's name, shape and floats.</summary>
internal sealed record LlamaTensor(string Name, TensorShape Shape, FloatBuffer Buffer)
{
    /// <summary>Whether it is a matrix, not a norm's vector: what weight decay applies to.</summary>
    public bool IsMatrix => Shape.Count == 2;
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
