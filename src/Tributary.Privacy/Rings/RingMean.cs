using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Tributary.Tensors;

namespace Tributary.Privacy.Rings;

/// <summary>The mean that a sum of ring elements is worth, as F32 tensors: the integers, times the grid's step, over the weight of what is in it.</summary>
public sealed class RingMean : TensorSource
{
    private readonly TensorSource _sum;
    private readonly RingGrid _grid;
    private readonly float _share;

    /// <summary>Wraps a sum.</summary>
    /// <param name="sum">U32 tensors: sums modulo 2^k.</param>
    /// <param name="grid">The ring.</param>
    /// <param name="weight">What the sum is divided by, above 0: a number of sites, or the sum of what their changes were scaled by.</param>
    public RingMean(TensorSource sum, RingGrid grid, double weight)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(weight, 0);
        (_sum, _grid, _share) = (sum, grid, (float)(1 / weight));
        Manifest = new TensorManifest(sum.Manifest.Select(entry => new TensorEntry(entry.Spec with { DType = DType.F32 })));
    }

    /// <inheritdoc/>
    public override TensorManifest Manifest { get; }

    /// <inheritdoc/>
    public override void Read(Tile tile, int offset, Span<byte> destination)
    {
        // A float has as many bytes as an element, so the sum is read to where its values go.
        _sum.Read(tile, offset, destination);
        Span<float> values = MemoryMarshal.Cast<byte, float>(destination);
        _grid.Decode(MemoryMarshal.Cast<byte, uint>(destination), values);
        TensorPrimitives.Multiply(values, _share, values);
    }
}
