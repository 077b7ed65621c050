using System.Numerics.Tensors;

namespace Tributary.Codecs;

/// <summary>Finds NaN and infinity.</summary>
internal static class NotFinite
{
    /// <summary>The first element at or after <paramref name="start"/> that is NaN or infinite, or -1.</summary>
    public static int IndexIn(ReadOnlySpan<float> values, int start)
    {
        // Of no values, TensorPrimitives says that not all are finite.
        if (start == values.Length || TensorPrimitives.IsFiniteAll(values[start..]))
        {
            return -1;
        }

        while (float.IsFinite(values[start]))
        {
            start++;
        }

        return start;
    }
}
