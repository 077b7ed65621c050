using System.Numerics.Tensors;
using Tributary.Tensors;

namespace Tributary.Codecs.Layouts;

/// <summary>How far a tensor is from another one of the same name.</summary>
/// <param name="Name">The tensor's name.</param>
/// <param name="SnrDb">The ratio of signal to noise in decibels, 10 log10(sum a^2 / sum (a - b)^2); infinite where they are equal.</param>
/// <param name="LargestError">The largest absolute difference of an element.</param>
/// <param name="Elements">The number of elements.</param>
public sealed record TensorDifference(string Name, double SnrDb, double LargestError, long Elements);

/// <summary>Compares two models tensor by tensor, tile by tile.</summary>
public static class ModelComparison
{
    /// <summary>Compares the float tensors of two models, worst first.</summary>
    /// <exception cref="TensorFormatException">The two do not hold the same tensors; one that differs is named.</exception>
    public static IReadOnlyList<TensorDifference> Compare(TensorSource a, TensorSource b, CancellationToken cancellationToken)
    {
        using var first = new DequantizedSource(a);
        using var second = new DequantizedSource(b);
        var differences = new List<TensorDifference>();
        for (int tensor = 0; tensor < first.Manifest.Count; tensor++)
        {
            TensorSpec spec = first.Manifest[tensor].Spec;
            int other = second.Manifest.IndexOf(spec.Name);
            if (other < 0 || !second.Manifest[other].Spec.Shape.Equals(spec.Shape))
            {
                throw new TensorFormatException(
                    $"tensor '{spec.Name}' is {spec.Shape} in one model and {(other < 0 ? "missing" : second.Manifest[other].Spec.Shape.ToString())} in the other; they are not of the same architecture");
            }

            if (spec.DType.IsTrainable() && second.Manifest[other].Spec.DType.IsTrainable())
            {
                differences.Add(Compare(first, tensor, second, other, cancellationToken));
            }
        }

        TensorEntry? extra = second.Manifest.FirstOrDefault(entry => first.Manifest.IndexOf(entry.Spec.Name) < 0);
        return extra is null
            ? [.. differences.OrderBy(difference => difference.SnrDb).ThenBy(difference => difference.Name, StringComparer.Ordinal)]
            : throw new TensorFormatException($"tensor '{extra.Spec.Name}' is only in one of the models; they are not of the same architecture");
    }

    private static TensorDifference Compare(TensorSource a, int tensorA, TensorSource b, int tensorB, CancellationToken cancellationToken)
    {
        TensorSpec spec = a.Manifest[tensorA].Spec;
        double signal = 0;
        double noise = 0;
        double largest = 0;
        for (long tile = 0; tile < spec.TileCount; tile++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int elements = spec.TileElements(tile);
            using NativeBuffer first = NativeBuffer.RentFloats(elements);
            using NativeBuffer second = NativeBuffer.RentFloats(elements);
            a.ReadFloats(new Tile(tensorA, tile), 0, first.Floats);
            b.ReadFloats(new Tile(tensorB, tile), 0, second.Floats);
            if (!TensorPrimitives.IsFiniteAll(first.Floats) || !TensorPrimitives.IsFiniteAll(second.Floats))
            {
                throw new TensorFormatException($"tensor '{spec.Name}' has a value that is NaN or infinite, and cannot be compared");
            }

            TensorPrimitives.Subtract(first.Floats, second.Floats, second.Floats);
            signal += SumOfSquares(first.Floats);
            noise += SumOfSquares(second.Floats);
            largest = Math.Max(largest, Math.Abs(TensorPrimitives.MaxMagnitude(second.Floats)));
        }

        return new TensorDifference(spec.Name, largest == 0 ? double.PositiveInfinity : 10 * Math.Log10(signal / noise), largest, spec.ElementCount);
    }

    /// <summary>In runs short enough for fp32 sums, added up in double precision.</summary>
    private static double SumOfSquares(ReadOnlySpan<float> values)
    {
        const int Run = 1024;
        double sum = 0;
        for (int start = 0; start < values.Length; start += Run)
        {
            ReadOnlySpan<float> run = values.Slice(start, Math.Min(Run, values.Length - start));
            float squares = TensorPrimitives.SumOfSquares(run);
            if (float.IsNormal(squares) || squares == 0)
            {
                sum += squares;
                continue;
            }

            // Too large or too small for fp32.
            foreach (float value in run)
            {
                sum += (double)value * value;
            }
        }

        return sum;
    }
}
