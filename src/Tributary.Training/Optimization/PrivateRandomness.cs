namespace Tributary.Training;

/// <summary>
/// Where the draws and the noise of a <see cref="PrivateTraining"/> come from. Numbers are addressed, not made one after the other: the same
/// arguments have to give the same numbers for as long as the training may go on from its checkpoint, and numbers of different arguments have
/// to be independent. Privacy rests on them: they come from a generator fit for keys, whose key nobody else has, and not from a job's seed.
/// </summary>
/// <remarks>A training asks from one thread.</remarks>
public abstract class PrivateRandomness
{
    /// <summary>Uniform numbers, at least 0 and below 1, one for each record.</summary>
    /// <param name="step">The step, from 0.</param>
    /// <param name="values">Room for as many numbers as the dataset has records, in its order.</param>
    public abstract void Uniform(long step, Span<double> values);

    /// <summary>Standard normal numbers, one for each of some elements of a tensor. Which are asked for together makes no difference to them.</summary>
    /// <param name="step">The step, from 0.</param>
    /// <param name="tensor">The tensor's name.</param>
    /// <param name="first">The first of the elements.</param>
    /// <param name="values">Room for as many numbers as there are elements.</param>
    public abstract void Gaussian(long step, string tensor, long first, Span<double> values);
}
