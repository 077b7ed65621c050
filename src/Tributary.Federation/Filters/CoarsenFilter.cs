using Tributary.Codecs;
using Tributary.Tensors;

namespace Tributary.Federation.Filters;

/// <summary>
/// Puts tensors through a precision and back, so that no more of them is left than it keeps, whatever precision they travel in afterwards. Coarse
/// values tell less of the data than exact ones, but how much less nobody can say: it is no formal guarantee.
/// </summary>
/// <param name="codec">The precision.</param>
public sealed class CoarsenFilter(Codec codec) : Filter
{
    /// <inheritdoc/>
    public override string Name => $"coarsen to {codec.Name}";

    /// <inheritdoc/>
    public override TensorKind Takes => TensorKind.Dense;

    /// <inheritdoc/>
    public override TensorKind Gives => TensorKind.Dense;

    /// <summary>Whether a message in some precision would carry more than this one keeps.</summary>
    public static bool IsFiner(Codec precision, Codec than)
    {
        List<Codec> widestFirst = [.. Precision.All];
        return widestFirst.IndexOf(precision) < widestFirst.IndexOf(than);
    }

    /// <inheritdoc/>
    public override TensorSource Apply(TensorSource source) => new DequantizedSource(new QuantizedSource(source, codec));
}
