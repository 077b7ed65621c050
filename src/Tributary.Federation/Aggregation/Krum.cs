using Tributary.Tensors;

namespace Tributary.Federation.Aggregation;

/// <summary>
/// Krum and multi-Krum (Blanchard et al. 2017): of N updates, f of which may be anything, only those count that lie closest to the others. An
/// update's score is the sum of its squared distances to its N - f - 2 nearest; those with the lowest scores are chosen.
/// </summary>
/// <remarks>
/// It takes two passes over the updates, one for the distances and one for the mean, and looks at each update as a whole, where the median and the
/// trimmed mean look at each coordinate alone.
/// </remarks>
public static class Krum
{
    /// <summary>The fewest updates among which so many may be anything: 2 f + 3, as the paper's proof needs.</summary>
    public static int UpdatesMin(int byzantine) => (2 * byzantine) + 3;

    /// <summary>The mean of the chosen updates, unweighted. Reads all updates once to choose.</summary>
    /// <param name="updates">The updates, sorted by site.</param>
    /// <param name="byzantine">How many of them may be anything: f.</param>
    /// <param name="keep">How many are chosen: 1 for Krum, more for multi-Krum; at most N - f.</param>
    /// <param name="cancellationToken">Looked at between tiles of the pass that chooses.</param>
    /// <exception cref="TensorFormatException">The sources do not hold the same tensors, or have values that are not finite.</exception>
    public static WeightedMean Mean(IReadOnlyList<TensorSource> updates, int byzantine, int keep, CancellationToken cancellationToken) =>
        new([.. Choose(updates, byzantine, keep, Environment.ProcessorCount, cancellationToken).Select(place => (updates[place], 1.0))]);

    /// <summary>The places of the chosen updates, in their order. Of equal scores the update that comes first is chosen.</summary>
    /// <param name="updates">The updates, sorted by site.</param>
    /// <param name="byzantine">How many of them may be anything: f.</param>
    /// <param name="keep">How many are chosen.</param>
    /// <param name="threads">The threads that read; the choice does not depend on them.</param>
    /// <param name="cancellationToken">Looked at between tiles.</param>
    public static IReadOnlyList<int> Choose(IReadOnlyList<TensorSource> updates, int byzantine, int keep, int threads, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(byzantine);
        ArgumentOutOfRangeException.ThrowIfLessThan(updates.Count, UpdatesMin(byzantine));
        ArgumentOutOfRangeException.ThrowIfLessThan(keep, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(keep, updates.Count - byzantine);
        using var pairs = new PairwiseDistances(updates);
        double[,] distances = pairs.Sum(threads, cancellationToken);
        int near = updates.Count - byzantine - 2;

        // The distance to itself is 0 and the first of the sorted ones.
        double Score(int place) => Enumerable.Range(0, updates.Count).Select(other => distances[place, other]).Order().Skip(1).Take(near).Sum();
        return [.. Enumerable.Range(0, updates.Count).OrderBy(Score).Take(keep).Order()];
    }
}
