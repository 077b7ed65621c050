using Tributary.Tensors;

namespace Tributary.Codecs.Layouts;

/// <summary>
/// Tells the weights of linear layers, which Transformers loads quantized, from norms, embeddings and the head, which it keeps: a
/// linear weight is a matrix whose name ends with <c>.weight</c> and says none of these.
/// </summary>
public static class LinearWeights
{
    private static readonly string[] Kept = ["embed", "lm_head", "norm", "wte", "wpe", "shared"];

    /// <summary>Whether a tensor is the weight of a linear layer.</summary>
    public static bool Is(TensorSpec spec) =>
        spec.Shape.Count == 2 && spec.Name.EndsWith(".weight", StringComparison.Ordinal) && !Kept.Any(word => spec.Name.Contains(word, StringComparison.Ordinal));
}
