using System.Collections;

namespace Tributary.Tensors;

/// <summary>The lengths of a tensor's dimensions, outermost first. A scalar has none.</summary>
/// <remarks>Two shapes are equal when their dimensions are.</remarks>
public sealed class TensorShape : IEquatable<TensorShape>, IReadOnlyList<long>
{
    private readonly long[] _dimensions;

    /// <summary>Makes a shape.</summary>
    /// <exception cref="TensorFormatException">A dimension is negative, or their product does not fit 63 bits.</exception>
    public TensorShape(params ReadOnlySpan<long> dimensions)
    {
        _dimensions = dimensions.ToArray();
        long count = 1;
        foreach (long dimension in _dimensions)
        {
            if (dimension < 0 || (dimension > 0 && count > long.MaxValue / dimension))
            {
                throw new TensorFormatException($"shape [{string.Join(", ", _dimensions)}] has a negative dimension or overflows");
            }

            count *= dimension;
        }

        ElementCount = count;
    }

    /// <summary>The product of all dimensions; 1 for a scalar.</summary>
    public long ElementCount { get; }

    /// <summary>The number of dimensions.</summary>
    public int Count => _dimensions.Length;

    /// <summary>The length of one dimension.</summary>
    public long this[int index] => _dimensions[index];

    /// <inheritdoc/>
    public bool Equals(TensorShape? other) => other is not null && _dimensions.AsSpan().SequenceEqual(other._dimensions);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as TensorShape);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (long dimension in _dimensions)
        {
            hash.Add(dimension);
        }

        return hash.ToHashCode();
    }

    /// <inheritdoc/>
    public IEnumerator<long> GetEnumerator() => ((IEnumerable<long>)_dimensions).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>The shape as <c>[2048, 64]</c>.</summary>
    public override string ToString() => $"[{string.Join(", ", _dimensions)}]";
}
