using System.Numerics.Tensors;
using Tributary.Tensors;

namespace Tributary.Federation.Aggregation;

/// <summary>The global L2 norm of an update, in one pass, which also shows whether all of its values are finite.</summary>
public static class UpdateNorm
{
    // Squares of so many floats are summed in fp32 lanes before they go on in double: exact enough, and at the speed of memory.
    private const int RunElements = 4096;

    private const int StripElements = 1 << 16;

    /// <summary>The norm over all tensors that are floats. The same for the same update, whoever reads it.</summary>
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

    private static double SumOfSquares(TensorSpec spec, ReadOnlySpan<float> strip)
    {
        double sum = 0;
        for (int start = 0; start < strip.Length; start += RunElements)
        {
            ReadOnlySpan<float> run = strip[start..Math.Min(strip.Length, start + RunElements)];
            float squares = TensorPrimitives.SumOfSquares(run);
            sum += float.IsFinite(squares) ? squares : SumOfLargeSquares(spec, run);
        }

        return sum;
    }

    /// <summary>Values whose squares are too large for fp32, or which are not finite.</summary>
    private static double SumOfLargeSquares(TensorSpec spec, ReadOnlySpan<float> run)
    {
        double sum = 0;
        foreach (float value in run)
        {
            sum += float.IsFinite(value) ? (double)value * value : throw new TensorFormatException($"tensor '{spec.Name}' has a value that is NaN or infinite");
        }

        return sum;
    }
}
