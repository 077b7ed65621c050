using System.Numerics.Tensors;
using Tributary.Tensors;

namespace Tributary.Federation.Aggregation;

/// <summary>
/// The mean of N dense sources at every coordinate without the lowest and the highest values there, as a source (Yin et al. 2018, algorithm 1): as many
/// sources as are cut at each end cannot move it out of the range of the others.
/// </summary>
/// <remarks>
/// Unweighted, as the median is. What is left is summed in fp32 from the lowest to the highest, so the order of the sources does not matter.
/// </remarks>
public sealed class TrimmedMean : StripwiseSource
{
    private readonly SortingNetwork _network;
    private readonly int _cut;
    private readonly int _left;

    /// <summary>Makes the mean.</summary>
    /// <param name="updates">The sources, at least one.</param>
    /// <param name="trim">The share that is cut at each end, from 0 and below 0.5; see <see cref="CutOf"/>.</param>
    /// <exception cref="TensorFormatException">The sources do not hold the same tensors.</exception>
    public TrimmedMean(IReadOnlyList<TensorSource> updates, double trim)
        : base(new AlignedSources(updates))
    {
        ArgumentOutOfRangeException.ThrowIfNegative(trim);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(trim, 0.5);
        _cut = CutOf(updates.Count, trim);
        _left = updates.Count - (2 * _cut);
        _network = new SortingNetwork(updates.Count, _cut, updates.Count - 1 - _cut);
    }

    /// <summary>How many of so many values are cut at each end: their share, rounded down to a whole one.</summary>
    public static int CutOf(int updates, double trim)
    {
        // 0.29 of 100 should be 29, which its double is a little below.
        const double Rounding = 1e-9;
        return Math.Min((int)((updates * trim) + Rounding), (updates - 1) / 2);
    }

    /// <inheritdoc/>
    private protected override void Compute(Strips strips, Span<float> result)
    {
        _network.Sort(strips);
        strips[_cut].CopyTo(result);
        for (int i = 1; i < _left; i++)
        {
            TensorPrimitives.Add(result, strips[_cut + i], result);
        }

        TensorPrimitives.Divide(result, (float)_left, result);
    }
}
