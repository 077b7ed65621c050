namespace Tributary.Tensors.Checkpoints;

/// <summary>
/// Smaller architectures with the same tensors: as many layers and heads, narrower ones, and a smaller vocabulary, so that the mix of
/// large and small tensors stays what it is.
/// </summary>
/// <remarks>
/// All widths shrink by the root of the share, for a matrix has two. Heads get the nearest even length, which rotary
/// positions need; what that rounding took or gave, the MLP and the vocabulary even out.
/// </remarks>
public static class ArchitectureScaling
{
    private const int HeadLengthMin = 2;

    /// <summary>From here on a size is a multiple of <see cref="SizeMultiple"/>; below, rounding would be felt.</summary>
    private const int RoundedSizeMin = 512;
    private const int SizeMultiple = 8;

    /// <summary>
    /// The least share that an architecture can be scaled to: below it, heads of the least length leave to the MLP and the vocabulary less than half
    /// of their part.
    /// </summary>
    public static double ShareMin(this ModelArchitecture architecture)
    {
        long all = Count(architecture);
        long evenOut = all - Fixed(architecture);
        double width = (double)HeadLengthMin / architecture.HeadLength;
        return Fixed(architecture.Narrowed(HeadLengthMin, width)) / (all - (0.5 * evenOut));
    }

    /// <summary>The architecture with about that share of the elements: within 2 %, usually far less.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The share is below <see cref="ShareMin"/> or above 1.</exception>
    public static ModelArchitecture Scaled(this ModelArchitecture architecture, double share)
    {
        if (!(share >= architecture.ShareMin() && share <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(share), share, $"A share is from {architecture.ShareMin()} to 1.");
        }

        if (share == 1)
        {
            return architecture;
        }

        double width = Math.Sqrt(share);
        int headLength = Math.Max(HeadLengthMin, 2 * (int)Math.Round(width * architecture.HeadLength / 2));
        ModelArchitecture narrow = architecture.Narrowed(headLength, width);

        // The count is linear in the vocabulary and in the MLP's width.
        double left = (share * Count(architecture)) - Fixed(narrow);
        long token = Count(narrow with { Vocabulary = 1, Intermediate = 0 }) - Fixed(narrow);
        long row = Count(narrow with { Vocabulary = 0, Intermediate = 1 }) - Fixed(narrow);
        double part = left / (((double)token * architecture.Vocabulary) + ((double)row * architecture.Intermediate));
        int intermediate = RoundSize(part * architecture.Intermediate);
        return narrow with { Intermediate = intermediate, Vocabulary = RoundSize((left - ((double)row * intermediate)) / token) };
    }

    private static long Count(ModelArchitecture architecture) => architecture.Tensors(DType.F32).ElementCount;

    /// <summary>The elements that neither the vocabulary nor the MLP's width changes.</summary>
    private static long Fixed(ModelArchitecture architecture) => Count(architecture with { Vocabulary = 0, Intermediate = 0 });

    private static int RoundSize(double size) => size < RoundedSizeMin ? Math.Max(1, (int)Math.Round(size)) : SizeMultiple * (int)Math.Round(size / SizeMultiple);
}
