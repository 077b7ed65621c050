using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Tributary.Tensors;

namespace Tributary.Federation.Aggregation;

/// <summary>Tensors of fp32 times a factor.</summary>
/// <param name="source">The tensors, dense and fp32.</param>
/// <param name="factor">The factor.</param>
public sealed class ScaledSource(TensorSource source, float factor) : TensorSource
{
    /// <inheritdoc/>
    public override TensorManifest Manifest => source.Manifest;

    /// <inheritdoc/>
    public override void Read(Tile tile, int offset, Span<byte> destination)
    {
        source.Read(tile, offset, destination);
        Span<float> values = MemoryMarshal.Cast<byte, float>(destination);
        TensorPrimitives.Multiply(values, factor, values);
    }
}
