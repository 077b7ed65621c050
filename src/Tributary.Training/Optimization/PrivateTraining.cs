namespace Tributary.Training;

/// <summary>
/// Makes a training differentially private for each of its records: DP-SGD. A step draws every record by itself, shortens the gradient of each
/// that was drawn to <see cref="ClipNorm"/>, adds them up, adds noise to the sum whether or not any was drawn, and divides it by
/// <see cref="TrainingOptions.BatchSize"/> times <see cref="TrainingOptions.GradientAccumulation"/>: the nominal size of a sample, a number that
/// everybody may know, and not how many were drawn. What follows, from the proximal term to AdamW, is as in any training.
/// </summary>
/// <remarks>
/// <para>Abadi et al., "Deep Learning with Differential Privacy" (2016), algorithm 1, https://arxiv.org/abs/1607.00133: each of its steps is a
/// Gaussian mechanism of multiplier <see cref="NoiseMultiplier"/> on a Poisson sample of rate <see cref="SamplingRate"/>, where neighbouring
/// datasets differ by one record that is there or not. A record's loss is the mean over its own response tokens.</para>
/// <para>The weights and the optimizer's state are private. What a training tells beside them is not: losses, the numbers of records and
/// tokens, how long it took, and that it diverged. Nor is an optimizer's state that it begins with, where a training that was not private left it.</para>
/// <para>It takes 4 bytes a trained parameter more, and activations for the longest record alone.</para>
/// </remarks>
public sealed record PrivateTraining
{
    /// <summary>The largest L2 norm of a record's gradient, over all trained tensors together; longer ones are scaled down to it. Above 0.</summary>
    public required double ClipNorm { get; init; }

    /// <summary>The standard deviation of the noise on each element of the sum, in units of <see cref="ClipNorm"/>. Above 0.</summary>
    public required double NoiseMultiplier { get; init; }

    /// <summary>The probability with which each record is in a step's sample, above 0 and at most 1.</summary>
    public required double SamplingRate { get; init; }

    /// <summary>Where draws and noise come from.</summary>
    public required PrivateRandomness Randomness { get; init; }

    /// <summary>The steps of a training: epochs / rate, rounded up. It follows from what everybody may know, never from the number of records.</summary>
    /// <param name="epochs">How often the records are gone through, in the mean; at least 1.</param>
    /// <param name="samplingRate">The rate, above 0 and at most 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">One of them is out of range, or there would be more than 2^31 - 1 steps.</exception>
    public static int Steps(int epochs, double samplingRate)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(epochs, 1);
        if (!(samplingRate is > 0 and <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(samplingRate), samplingRate, "A sampling rate is above 0 and at most 1.");
        }

        double steps = Math.Ceiling(epochs / samplingRate);
        return steps <= int.MaxValue
            ? (int)steps
            : throw new ArgumentOutOfRangeException(nameof(samplingRate), samplingRate, $"{epochs} epochs at that rate are more than {int.MaxValue} steps; raise the rate.");
    }

    /// <summary>All that is wrong with it, one sentence's part each.</summary>
    internal IEnumerable<string> Errors(TrainingOptions options)
    {
        if (!(ClipNorm > 0 && double.IsFinite(ClipNorm)))
        {
            yield return $"Private.ClipNorm is {ClipNorm}; it must be above 0";
        }

        if (!(NoiseMultiplier > 0 && double.IsFinite(NoiseMultiplier)))
        {
            yield return $"Private.NoiseMultiplier is {NoiseMultiplier}; it must be above 0";
        }

        if (!(SamplingRate is > 0 and <= 1))
        {
            yield return $"Private.SamplingRate is {SamplingRate}; it must be above 0 and at most 1";
        }
        else if (options.Epochs / SamplingRate > int.MaxValue)
        {
            yield return $"Private.SamplingRate is {SamplingRate}, which makes more than {int.MaxValue} steps of {options.Epochs} epochs; raise it";
        }

        if (options.EarlyStop is not null)
        {
            yield return "Private is given together with EarlyStop, which looks at held-out records without noise, so that the model it chooses tells of them; leave out one of them";
        }
    }
}
