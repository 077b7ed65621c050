namespace Tributary.Tensors.Checkpoints;

/// <summary>The tensors of well-known models: names, shapes and types as they are published, without any weights.</summary>
public static class ModelPreset
{
    private static readonly Dictionary<string, Func<IReadOnlyList<TensorSpec>>> ByName = new(StringComparer.Ordinal)
    {
        // As the paper counts it: 147 tensors, lm_head sent beside the embedding that it is tied to.
        ["llama-3.2-1b"] = static () => Llama(layers: 16, hidden: 2048, intermediate: 8192, keyValue: 512, vocabulary: 128256, separateHead: true, DType.F32),
        ["llama-3.1-8b"] = static () => Llama(layers: 32, hidden: 4096, intermediate: 14336, keyValue: 1024, vocabulary: 128256, separateHead: true, DType.BF16),
        ["stories260k"] = static () => Llama(layers: 5, hidden: 64, intermediate: 172, keyValue: 32, vocabulary: 512, separateHead: false, DType.F32),
    };

    /// <summary>The known names.</summary>
    public static IReadOnlyCollection<string> Names => ByName.Keys;

    /// <summary>The tensors of the model of that name, or null.</summary>
    public static TensorManifest? Find(string name) =>
        ByName.TryGetValue(name, out Func<IReadOnlyList<TensorSpec>>? tensors) ? new TensorManifest(tensors().Select(spec => new TensorEntry(spec))) : null;

    private static List<TensorSpec> Llama(int layers, int hidden, int intermediate, int keyValue, int vocabulary, bool separateHead, DType dtype)
    {
        var tensors = new List<TensorSpec>();
        void Add(string name, params ReadOnlySpan<long> shape) => tensors.Add(new TensorSpec(name + ".weight", dtype, new TensorShape(shape)));

        Add("model.embed_tokens", vocabulary, hidden);
        for (int layer = 0; layer < layers; layer++)
        {
            string prefix = $"model.layers.{layer}.";
            Add(prefix + "input_layernorm", hidden);
            Add(prefix + "self_attn.q_proj", hidden, hidden);
            Add(prefix + "self_attn.k_proj", keyValue, hidden);
            Add(prefix + "self_attn.v_proj", keyValue, hidden);
            Add(prefix + "self_attn.o_proj", hidden, hidden);
            Add(prefix + "post_attention_layernorm", hidden);
            Add(prefix + "mlp.gate_proj", intermediate, hidden);
            Add(prefix + "mlp.up_proj", intermediate, hidden);
            Add(prefix + "mlp.down_proj", hidden, intermediate);
        }

        Add("model.norm", hidden);
        if (separateHead)
        {
            Add("lm_head", vocabulary, hidden);
        }

        return tensors;
    }
}
