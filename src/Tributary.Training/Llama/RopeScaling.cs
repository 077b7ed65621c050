namespace Tributary.Training;

/// <summary>
/// Llama 3.1's stretching of the rotary frequencies, by which a model that was first trained on short sequences takes longer ones: slow
/// frequencies become slower by a factor, fast ones stay, and those between are blended. The keys are those of config.json's rope_scaling.
/// </summary>
/// <param name="Factor">What slow frequencies are divided by (<c>factor</c>).</param>
/// <param name="LowFrequencyFactor">Frequencies that turn fewer times over the original positions are slow (<c>low_freq_factor</c>).</param>
/// <param name="HighFrequencyFactor">Those that turn more often are fast (<c>high_freq_factor</c>).</param>
/// <param name="OriginalPositions">The positions of the first training (<c>original_max_position_embeddings</c>).</param>
/// <remarks>Source: Meta's llama-models, apply_scaling; in transformers it is the rope_type "llama3".</remarks>
public sealed record RopeScaling(double Factor, double LowFrequencyFactor, double HighFrequencyFactor, double OriginalPositions)
{
    /// <summary>The frequency, in radians a position, that takes the place of another.</summary>
    public float Stretch(float frequency)
    {
        double turns = OriginalPositions * frequency / (2 * Math.PI);
        double fast = Math.Clamp((turns - LowFrequencyFactor) / (HighFrequencyFactor - LowFrequencyFactor), 0, 1);
        return (float)(((1 - fast) * frequency / Factor) + (fast * frequency));
    }
}
