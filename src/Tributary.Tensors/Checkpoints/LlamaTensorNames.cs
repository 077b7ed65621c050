namespace Tributary.Tensors.Checkpoints;

/// <summary>The tensors of a Llama as Hugging Face's LlamaForCausalLM names and shapes them.</summary>
public static class LlamaTensorNames
{
    /// <summary>The tensors in the usual order.</summary>
    /// <param name="dtype">The type of all of them.</param>
    /// <param name="vocabulary">The tokens.</param>
    /// <param name="layers">The layers.</param>
    /// <param name="hidden">The width of the residual stream.</param>
    /// <param name="queries">The query heads times their length.</param>
    /// <param name="keyValue">The key and value heads times their length.</param>
    /// <param name="intermediate">The width within the MLP.</param>
    /// <param name="separateHead">Whether the output head is a tensor of its own, not the embedding.</param>
    public static IReadOnlyList<TensorSpec> Of(DType dtype, int vocabulary, int layers, int hidden, int queries, int keyValue, int intermediate, bool separateHead)
    {
        var tensors = new List<TensorSpec>();
        void Add(string name, params ReadOnlySpan<long> shape) => tensors.Add(new TensorSpec(name + ".weight", dtype, new TensorShape(shape)));

        Add("model.embed_tokens", vocabulary, hidden);
        for (int layer = 0; layer < layers; layer++)
        {
            string prefix = $"model.layers.{layer}.";
            Add(prefix + "input_layernorm", hidden);
            Add(prefix + "self_attn.q_proj", queries, hidden);
            Add(prefix + "self_attn.k_proj", keyValue, hidden);
            Add(prefix + "self_attn.v_proj", keyValue, hidden);
            Add(prefix + "self_attn.o_proj", hidden, queries);
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
