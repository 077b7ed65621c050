using System.Runtime.Intrinsics;
using Tributary.Tensors;

namespace Tributary.Federation.Aggregation;

/// <summary>The global L2 norm of an update, in one pass, which also shows whether all of its values are finite.</summary>
public static class UpdateNorm
{
    private const int StripElements = 1 << 16;

    /// <summary>The norm over all tensors that are floats. The same bits for the same update on any machine.</summary>
    /// <param name="update">A change, dense.</param>
    /// <param name="cancellationToken">Looked at between tiles.</param>
    /// <exception cref="TensorFormatException">A value is NaN or infinite; its tensor is named.</exception>
    public static double Of(TensorSource update, CancellationToken cancellationToken)
    {
        double squares = 0;
        using NativeBuffer buffer = NativeBuffer.RentFloats(StripElements);
        foreach (Tile tile in update.Manifest.Tiles())
        {
            cancellationToken.ThrowIfCancellationRequested();
            TensorSpec spec = update.Manifest[tile.Tensor].Spec;
            if (!spec.DType.IsTrainable())
            {
                continue;
            }

            int elements = (int)Math.Min(Tile.ElementsMax, spec.ElementCount - ((long)tile.Index * Tile.ElementsMax));
            for (int start = 0; start < elements; start += StripElements)
            {
                Span<float> strip = buffer.Floats[..Math.Min(StripElements, elements - start)];
                update.ReadFloats(tile, start, strip);
                squares += SumOfSquares(spec, strip);
            }
        }

        return Math.Sqrt(squares);
    }

    /// <summary>
    /// In double, eight lanes wide: the square of a float is exact there, so whether a machine fuses it with the sum makes no difference.
    /// </summary>
    private static double SumOfSquares(TensorSpec spec, ReadOnlySpan<float> strip)
    {
        (Vector256<double> low, Vector256<double> high) = (Vector256<double>.Zero, Vector256<double>.Zero);
        int at = 0;
        for (; at <= strip.Length - Vector256<float>.Count; at += Vector256<float>.Count)
        {
            (Vector256<double> first, Vector256<double> second) = Vector256.Widen(Vector256.Create(strip.Slice(at, Vector256<float>.Count)));
            low += first * first;
            high += second * second;
        }

        Vector256<double> lanes = low + high;
        double sum = lanes[0] + lanes[1] + lanes[2] + lanes[3];
        foreach (float value in strip[at..])
        {
            sum += (double)value * value;
        }

        return double.IsFinite(sum) ? sum : throw new TensorFormatException($"tensor '{spec.Name}' has a value that is NaN or infinite");
    }
}
