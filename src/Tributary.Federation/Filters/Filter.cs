using Tributary.Codecs;
using Tributary.Tensors;

namespace Tributary.Federation.Filters;

/// <summary>What the tiles of a source are.</summary>
public enum TensorKind
{
    /// <summary>Floats, one after the other.</summary>
    Dense,

    /// <summary>A codec's bytes.</summary>
    Encoded,

    /// <summary>Integers of a ring, bare or under masks.</summary>
    Integers,
}

/// <summary>
/// A pure function on tiles: wraps a source in a source. The work is done when somebody reads a tile, so filters compose in the
/// memory of a tile, with every streaming mode and with disk.
/// </summary>
public abstract class Filter
{
    /// <summary>What to call it in job files and errors.</summary>
    public abstract string Name { get; }

    /// <summary>The kind of tiles it takes.</summary>
    public abstract TensorKind Takes { get; }

    /// <summary>The kind of tiles it gives.</summary>
    public abstract TensorKind Gives { get; }

    /// <summary>Wraps a source; nothing is read yet.</summary>
    public abstract TensorSource Apply(TensorSource source);
}

/// <summary>Dense floats to a codec's bytes: applied where a message leaves a party.</summary>
public sealed class QuantizeFilter(Codec codec) : Filter
{
    /// <inheritdoc/>
    public override string Name => $"quantize to {codec.Name}";

    /// <inheritdoc/>
    public override TensorKind Takes => TensorKind.Dense;

    /// <inheritdoc/>
    public override TensorKind Gives => TensorKind.Encoded;

    /// <inheritdoc/>
    public override TensorSource Apply(TensorSource source) => new QuantizedSource(source, codec);
}

/// <summary>A codec's bytes to dense floats of the original type: applied where a message enters a party.</summary>
public sealed class DequantizeFilter : Filter
{
    /// <inheritdoc/>
    public override string Name => "dequantize";

    /// <inheritdoc/>
    public override TensorKind Takes => TensorKind.Encoded;

    /// <inheritdoc/>
    public override TensorKind Gives => TensorKind.Dense;

    /// <inheritdoc/>
    public override TensorSource Apply(TensorSource source) => new DequantizedSource(source);
}
