namespace Tributary.Tensors.Initialization;

/// <summary>What the values of a new tensor are drawn from.</summary>
/// <param name="Mean">The mean.</param>
/// <param name="Deviation">The standard deviation.</param>
/// <param name="IsCausalMask">
/// Whether nothing is drawn: the tensor is no weight but a matrix that lets a position see itself and those before it, ones
/// on and below the diagonal and zeros above.
/// </param>
public readonly record struct WeightDistribution(float Mean, float Deviation, bool IsCausalMask = false)
{
    /// <summary>Norm scales: about 1.</summary>
    public static WeightDistribution Norm { get; } = new(1, 0.05f);

    /// <summary>Biases: small.</summary>
    public static WeightDistribution Bias { get; } = new(0, 0.002f);

    /// <summary>Matrices and embeddings, as GPT-2 and Llama begin.</summary>
    public static WeightDistribution Matrix { get; } = new(0, 0.02f);

    /// <summary>A causal mask.</summary>
    public static WeightDistribution CausalMask { get; } = new(0, 0, IsCausalMask: true);

    /// <summary>
    /// Projections that end on the residual stream: narrower, so that the stream's variance does not grow with the layers, of which each has two.
    /// </summary>
    /// <remarks>Radford et al., "Language models are unsupervised multitask learners" (2019), section 2.3.</remarks>
    public static WeightDistribution Residual(int layers) => new(0, (float)(0.02 / Math.Sqrt(2.0 * layers)));
}
