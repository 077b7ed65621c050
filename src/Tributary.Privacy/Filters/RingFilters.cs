using Tributary.Federation.Filters;
using Tributary.Privacy.Noise;
using Tributary.Privacy.Rings;
using Tributary.Privacy.SecureAggregation;
using Tributary.Tensors;

namespace Tributary.Privacy.Filters;

/// <summary>Dense floats to integers of a ring, so that sums of many sites' are exact; with noise on each integer where a job asks for it.</summary>
/// <param name="grid">The ring.</param>
/// <param name="key">Of the rounding's chances, and of the noise.</param>
/// <param name="noise">The noise on each integer; null for none.</param>
/// <param name="count">The records that the values are of, where sums are weighted by them; null where sites count alike.</param>
public sealed class RingFilter(RingGrid grid, NoiseKey key, DiscreteGaussian? noise, SampleCount? count = null) : Filter
{
    /// <inheritdoc/>
    public override string Name => $"round to a ring of {grid.Bits} bits";

    /// <inheritdoc/>
    public override TensorKind Takes => TensorKind.Dense;

    /// <inheritdoc/>
    public override TensorKind Gives => TensorKind.Integers;

    /// <inheritdoc/>
    public override TensorSource Apply(TensorSource source) =>
        count is null ? new RingSource(source, grid, key, noise) : count.Beside(new RingSource(source, grid, key, noise, count.Share));
}

/// <summary>Integers of a ring to the same under masks, see <see cref="MaskingSite.MaskOnce"/>, whose errors it has.</summary>
/// <param name="site">This site's part in the round.</param>
public sealed class MaskFilter(MaskingSite site) : Filter
{
    /// <inheritdoc/>
    public override string Name => "mask";

    /// <inheritdoc/>
    public override TensorKind Takes => TensorKind.Integers;

    /// <inheritdoc/>
    public override TensorKind Gives => TensorKind.Integers;

    /// <inheritdoc/>
    public override TensorSource Apply(TensorSource source) => site.MaskOnce(source);
}

/// <summary>Integers of a ring to the bytes that travel.</summary>
/// <param name="bits">k, from 1 to 32.</param>
public sealed class PackFilter(int bits) : Filter
{
    /// <inheritdoc/>
    public override string Name => $"pack {bits} bits";

    /// <inheritdoc/>
    public override TensorKind Takes => TensorKind.Integers;

    /// <inheritdoc/>
    public override TensorKind Gives => TensorKind.Encoded;

    /// <inheritdoc/>
    public override TensorSource Apply(TensorSource source) => new PackedSource(source, bits);
}
