using System.Numerics.Tensors;
using Tributary.Tensors;

namespace Tributary.Federation.Aggregation;

/// <summary>
/// The median of N dense sources at every coordinate, as a source: fewer than half of them cannot move it out of the range of the others (Yin et
/// al. 2018, algorithm 1). Of an even number it is the mean of the two in the middle.
/// </summary>
/// <remarks>Unweighted: a median weighted by samples could be bought with a claimed number of samples. The order of the sources does not matter.</remarks>
public sealed class CoordinateMedian : StripwiseSource
{
    private readonly SortingNetwork _network;
    private readonly int _lower;
    private readonly int _upper;

    /// <summary>Makes the median.</summary>
    /// <param name="updates">The sources, at least one.</param>
    /// <exception cref="TensorFormatException">The sources do not hold the same tensors.</exception>
    public CoordinateMedian(IReadOnlyList<TensorSource> updates)
        : base(new AlignedSources(updates))
    {
        _lower = (updates.Count - 1) / 2;
        _upper = updates.Count / 2;
        _network = new SortingNetwork(updates.Count, _lower, _upper);
    }

    /// <inheritdoc/>
    private protected override void Compute(Strips strips, Span<float> result)
    {
        _network.Sort(strips);
        if (_lower == _upper)
        {
            strips[_lower].CopyTo(result);
            return;
        }

        // Halved before they are added, since the sum of two large floats may be none.
        TensorPrimitives.Multiply(strips[_lower], 0.5f, strips[_lower]);
        TensorPrimitives.Multiply(strips[_upper], 0.5f, strips[_upper]);
        TensorPrimitives.Add(strips[_lower], strips[_upper], result);
    }
}
