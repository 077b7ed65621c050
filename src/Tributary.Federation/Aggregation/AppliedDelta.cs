using System.Numerics.Tensors;
using Tributary.Tensors;

namespace Tributary.Federation.Aggregation;

/// <summary>A base plus a change of it, in the base's types. Tensors that are not floats are the change's.</summary>
public sealed class AppliedDelta : TensorSource
{
    private readonly TensorSource _base;
    private readonly TensorSource _delta;
    private readonly int[] _places;

    /// <summary>Makes the view.</summary>
    /// <exception cref="TensorFormatException">The two do not hold the same tensors.</exception>
    public AppliedDelta(TensorSource baseModel, TensorSource delta)
    {
        _base = baseModel;
        _delta = delta;
        _places = Manifests.Align(baseModel.Manifest, delta.Manifest);
    }

    /// <inheritdoc/>
    public override TensorManifest Manifest => _base.Manifest;

    /// <inheritdoc/>
    public override void Read(Tile tile, int offset, Span<byte> destination)
    {
        DType dtype = Manifest[tile.Tensor].Spec.DType;
        Tile change = tile with { Tensor = _places[tile.Tensor] };
        if (!dtype.IsTrainable())
        {
            _delta.Read(change, offset, destination);
            return;
        }

        int elements = destination.Length / dtype.Size();
        using NativeBuffer values = NativeBuffer.RentFloats(elements);
        using NativeBuffer deltas = NativeBuffer.RentFloats(elements);
        _base.ReadFloats(tile, offset / dtype.Size(), values.Floats);
        _delta.ReadFloats(change, offset / dtype.Size(), deltas.Floats);
        TensorPrimitives.Add(values.Floats, deltas.Floats, values.Floats);
        DenseFloats.Narrow(values.Floats, dtype, destination);
    }
}
