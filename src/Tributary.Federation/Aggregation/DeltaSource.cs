using System.Numerics.Tensors;
using Tributary.Tensors;

namespace Tributary.Federation.Aggregation;

/// <summary>
/// The change of a model against a base: model minus base in fp32, whatever float type the model has, so that small changes
/// survive. Tensors that are not floats are the model's.
/// </summary>
public sealed class DeltaSource : TensorSource
{
    private readonly TensorSource _model;
    private readonly TensorSource _base;
    private readonly int[] _places;

    /// <summary>Makes the view.</summary>
    /// <exception cref="TensorFormatException">The two do not hold the same tensors.</exception>
    public DeltaSource(TensorSource model, TensorSource baseModel)
    {
        _model = model;
        _base = baseModel;
        _places = Manifests.Align(model.Manifest, baseModel.Manifest);
        Manifest = new TensorManifest(model.Manifest.Select(entry =>
            new TensorEntry(entry.Spec.DType.IsTrainable() ? entry.Spec with { DType = DType.F32 } : entry.Spec)));
    }

    /// <inheritdoc/>
    public override TensorManifest Manifest { get; }

    /// <inheritdoc/>
    public override void Read(Tile tile, int offset, Span<byte> destination)
    {
        if (!Manifest[tile.Tensor].Spec.DType.IsTrainable())
        {
            _model.Read(tile, offset, destination);
            return;
        }

        int elements = destination.Length / sizeof(float);
        using NativeBuffer values = NativeBuffer.RentFloats(elements);
        using NativeBuffer bases = NativeBuffer.RentFloats(elements);
        _model.ReadFloats(tile, offset / sizeof(float), values.Floats);
        _base.ReadFloats(tile with { Tensor = _places[tile.Tensor] }, offset / sizeof(float), bases.Floats);
        TensorPrimitives.Subtract(values.Floats, bases.Floats, values.Floats);
        values.Bytes.CopyTo(destination);
    }
}
