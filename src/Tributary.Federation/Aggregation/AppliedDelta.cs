using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Tributary.Tensors;

namespace Tributary.Federation.Aggregation;

/// <summary>
/// A base plus a change of it, or of some of its tensors, in the base's types. Tensors that are not floats are the change's, and those that it
/// lacks the base's.
/// </summary>
public sealed class AppliedDelta : TensorSource
{
    // 256 KiB of floats: model and change stay in a core's own cache.
    private const int StripElements = 1 << 16;

    private readonly TensorSource _base;
    private readonly TensorSource _delta;
    private readonly int[] _places;

    /// <summary>Makes the view.</summary>
    /// <param name="baseModel">The base.</param>
    /// <param name="delta">The change.</param>
    /// <param name="isPartial">Whether the change may lack tensors: where a job trains only some.</param>
    /// <exception cref="TensorFormatException">The two do not hold the same tensors, or the change one that the base does not.</exception>
    public AppliedDelta(TensorSource baseModel, TensorSource delta, bool isPartial = false)
    {
        _base = baseModel;
        _delta = delta;
        _places = isPartial ? Manifests.AlignSome(baseModel.Manifest, delta.Manifest) : Manifests.Align(baseModel.Manifest, delta.Manifest);
    }

    /// <inheritdoc/>
    public override TensorManifest Manifest => _base.Manifest;

    /// <inheritdoc/>
    public override void Read(Tile tile, int offset, Span<byte> destination)
    {
        if (_places[tile.Tensor] < 0)
        {
            _base.Read(tile, offset, destination);
            return;
        }

        DType dtype = Manifest[tile.Tensor].Spec.DType;
        Tile change = tile with { Tensor = _places[tile.Tensor] };
        if (!dtype.IsTrainable())
        {
            _delta.Read(change, offset, destination);
            return;
        }

        int elements = destination.Length / dtype.Size();
        using NativeBuffer deltas = NativeBuffer.RentFloats(Math.Min(elements, StripElements));
        using NativeBuffer wide = NativeBuffer.RentFloats(dtype == DType.F32 ? 0 : Math.Min(elements, StripElements));
        for (int start = 0; start < elements; start += StripElements)
        {
            int count = Math.Min(StripElements, elements - start);
            int first = (offset / dtype.Size()) + start;
            Span<byte> part = destination.Slice(start * dtype.Size(), count * dtype.Size());
            Span<float> values = dtype == DType.F32 ? MemoryMarshal.Cast<byte, float>(part) : wide.Floats[..count];
            _base.ReadFloats(tile, first, values);
            _delta.ReadFloats(change, first, deltas.Floats[..count]);
            TensorPrimitives.Add(values, deltas.Floats[..count], values);
            if (dtype != DType.F32)
            {
                DenseFloats.Narrow(values, dtype, part);
            }
        }
    }
}
