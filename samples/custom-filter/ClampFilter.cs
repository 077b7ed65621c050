using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Tributary.Federation.Filters;
using Tributary.Tensors;

namespace CustomFilter;

/// <summary>A filter of one's own: no element of an update leaves the site larger than a limit. It gives no privacy guarantee by itself.</summary>
internal sealed class ClampFilter(float limit) : Filter
{
    public override string Name => $"clamp to {limit}";

    public override TensorKind Takes => TensorKind.Dense;

    public override TensorKind Gives => TensorKind.Dense;

    public override TensorSource Apply(TensorSource source) => new Clamped(source, limit);

    // Work is done when a tile is read, in the memory of that tile.
    private sealed class Clamped(TensorSource source, float limit) : TensorSource
    {
        public override TensorManifest Manifest => source.Manifest;

        public override void Read(Tile tile, int offset, Span<byte> destination)
        {
            source.Read(tile, offset, destination);
            if (Manifest[tile.Tensor].Spec.DType == DType.F32)
            {
                Span<float> values = MemoryMarshal.Cast<byte, float>(destination);
                TensorPrimitives.Clamp(values, -limit, limit, values);
            }
        }
    }
}
