namespace Tributary.Tensors;

/// <summary>A view of dense tensors whose floats have another type: F32, F16 (clamped to the finite halves) or BF16.</summary>
public sealed class CastSource : TensorSource
{
    private readonly TensorSource _source;
    private readonly bool _casts;

    /// <summary>Makes the view.</summary>
    /// <exception cref="ArgumentException">The type is not F32, F16 or BF16, or a tensor is not dense.</exception>
    public CastSource(TensorSource source, DType dtype)
        : this(source, _ => dtype)
    {
    }

    /// <summary>Makes the view.</summary>
    /// <param name="source">Dense tensors.</param>
    /// <param name="dtypeOf">The type of each float tensor; others keep theirs.</param>
    /// <exception cref="ArgumentException">A type is not F32, F16 or BF16, or a tensor is not dense.</exception>
    public CastSource(TensorSource source, Func<TensorSpec, DType> dtypeOf)
    {
        _source = source;
        Manifest = new TensorManifest(source.Manifest.Select(entry => entry.Spec.DType.IsTrainable() ? new TensorEntry(entry.Spec with { DType = dtypeOf(entry.Spec) }) : entry));
        if (!source.Manifest.IsDense || source.Manifest.Zip(Manifest).Any(pair => pair.First.Spec.DType.IsTrainable() != pair.Second.Spec.DType.IsTrainable()))
        {
            throw new ArgumentException("Only dense floats can be cast, and only to F32, F16 or BF16.");
        }

        _casts = source.Manifest.Zip(Manifest).Any(pair => pair.First.Spec.DType != pair.Second.Spec.DType);
    }

    /// <summary>What is cast.</summary>
    public TensorSource Source => _source;

    /// <inheritdoc/>
    public override TensorManifest Manifest { get; }

    /// <inheritdoc/>
    public override bool IsStored => !_casts && _source.IsStored;

    /// <inheritdoc/>
    public override void Read(Tile tile, int offset, Span<byte> destination)
    {
        DType from = _source.Manifest[tile.Tensor].Spec.DType;
        DType to = Manifest[tile.Tensor].Spec.DType;
        if (from == to)
        {
            _source.Read(tile, offset, destination);
            return;
        }

        int elements = destination.Length / to.Size();
        using NativeBuffer values = NativeBuffer.RentFloats(elements);
        _source.ReadFloats(tile, offset / to.Size(), values.Floats);
        DenseFloats.Narrow(values.Floats, to, destination);
    }
}
