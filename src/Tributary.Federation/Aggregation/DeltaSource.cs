using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Tributary.Tensors;

namespace Tributary.Federation.Aggregation;

/// <summary>
/// The change of a model against a base: model minus base in fp32, whatever float type the model has, so that small changes
/// survive. Tensors that are not floats are the model's.
/// </summary>
public sealed class DeltaSource : TensorSource
{
    // 256 KiB of floats: model and base stay in a core's own cache.
    private const int StripElements = 1 << 16;

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

        Tile beneath = tile with { Tensor = _places[tile.Tensor] };
        Span<float> values = MemoryMarshal.Cast<byte, float>(destination);
        using NativeBuffer bases = NativeBuffer.RentFloats(Math.Min(values.Length, StripElements));
        for (int start = 0; start < values.Length; start += StripElements)
        {
            Span<float> part = values[start..Math.Min(values.Length, start + StripElements)];
            int first = (offset / sizeof(float)) + start;
            _model.ReadFloats(tile, first, part);
            _base.ReadFloats(beneath, first, bases.Floats[..part.Length]);
            TensorPrimitives.Subtract(part, bases.Floats[..part.Length], part);
        }
    }
}
