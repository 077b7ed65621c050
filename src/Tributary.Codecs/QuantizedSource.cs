using Tributary.Tensors;

namespace Tributary.Codecs;

/// <summary>
/// A view of dense tensors in a precision. Its entries keep the name, type and shape of the tensors they stand for, and say in
/// <see cref="TensorEntry.Encoding"/> how their tiles are laid out. A tile is encoded when it is read.
/// </summary>
/// <remarks>Tensors that the precision leaves alone (<see cref="Codec.Encodes"/>) pass through dense.</remarks>
public sealed class QuantizedSource : TensorSource
{
    private readonly TensorSource _dense;

    // A 16-bit model that is seen as fp32 only to be encoded in its own type again: what lies beneath the cast, or null.
    private readonly TensorSource? _sixteenBit;

    /// <summary>Makes the view; nothing is read yet.</summary>
    /// <param name="dense">The tensors.</param>
    /// <param name="codec">The precision.</param>
    /// <param name="only">Which tensors are encoded, of those that the precision encodes; null for all.</param>
    /// <exception cref="ArgumentException">A tensor of the source is already encoded.</exception>
    public QuantizedSource(TensorSource dense, Codec codec, Func<TensorSpec, bool>? only = null)
        : this(dense, spec => only?.Invoke(spec) == false ? null : codec)
    {
        ArgumentNullException.ThrowIfNull(codec);
    }

    /// <summary>Makes a view whose tensors have a precision each; nothing is read yet.</summary>
    /// <param name="dense">The tensors.</param>
    /// <param name="codecOf">A tensor's precision; null for one that is left as it is.</param>
    /// <exception cref="ArgumentException">A tensor of the source is already encoded.</exception>
    public QuantizedSource(TensorSource dense, Func<TensorSpec, Codec?> codecOf)
    {
        ArgumentNullException.ThrowIfNull(dense);
        if (dense.Manifest.FirstOrDefault(entry => !entry.IsDense) is { } encoded)
        {
            throw new ArgumentException($"tensor '{encoded.Spec.Name}' is already encoded as {encoded.Encoding.Name}; decode it before it is encoded once more");
        }

        _dense = dense;
        Manifest = new TensorManifest(
            dense.Manifest.Select(entry => codecOf(entry.Spec) is { } codec && codec.Encodes(entry.Spec.DType) ? new TensorEntry(entry.Spec, codec) : entry));
        _sixteenBit = FindSixteenBit();
    }

    /// <summary>What is encoded.</summary>
    public TensorSource Dense => _dense;

    /// <inheritdoc/>
    public override TensorManifest Manifest { get; }

    /// <inheritdoc/>
    public override bool IsStored => _sixteenBit is not null || (Manifest.IsDense && _dense.IsStored);

    /// <inheritdoc/>
    /// <exception cref="TensorFormatException">A value is NaN or infinite. The message names the tensor and the element.</exception>
    public override void Read(Tile tile, int offset, Span<byte> destination)
    {
        TensorEntry entry = Manifest[tile.Tensor];
        if (entry.IsDense || _sixteenBit is not null)
        {
            TensorSource stored = entry.IsDense ? _dense : _sixteenBit!;
            stored.Read(tile, offset, destination);
            RefuseNotFinite(stored.Manifest[tile.Tensor].Spec, tile, offset, destination);
            return;
        }

        int length = entry.TileBytes(tile.Index);
        if (offset == 0 && destination.Length == length)
        {
            Encode(entry, tile, destination);
            return;
        }

        // The scales of a tile stand before its codes, so any part of it needs all of it.
        using NativeBuffer whole = NativeBuffer.Rent(length);
        Encode(entry, tile, whole.Bytes);
        whole.Bytes.Slice(offset, destination.Length).CopyTo(destination);
    }

    /// <summary>What lies beneath a cast that the codec undoes exactly: stored 16-bit floats, widened, and narrowed to the same type.</summary>
    private TensorSource? FindSixteenBit()
    {
        TensorSource? beneath = (_dense as CastSource)?.Source;
        return beneath is { IsStored: true } && Manifest.All(entry => entry.IsDense || entry.Encoding is Codec { BlockElements: 1 })
            && Manifest.Zip(beneath.Manifest).All(pair => pair.First.Encoding.StoredAs(pair.First.Spec) == pair.Second.Spec)
            ? beneath
            : null;
    }

    private void Encode(TensorEntry entry, Tile tile, Span<byte> destination)
    {
        (TensorSpec spec, var codec) = (entry.Spec, (Codec)entry.Encoding);
        int elements = spec.TileElements(tile.Index);
        using NativeBuffer dense = NativeBuffer.Rent(elements * spec.DType.Size());
        _dense.Read(tile, 0, dense.Bytes);
        int scaleBytes = codec.ScaleBytes(elements);
        int notFinite = codec.EncodeTile(spec.DType, dense.Bytes, destination[..scaleBytes], destination[scaleBytes..]);
        if (notFinite >= 0)
        {
            throw Refusal(spec, tile, notFinite, dense.Bytes.Slice(notFinite * spec.DType.Size(), spec.DType.Size()));
        }
    }

    /// <summary>Floats that pass through are held to the same rule as those that are encoded.</summary>
    private void RefuseNotFinite(TensorSpec spec, Tile tile, int offset, ReadOnlySpan<byte> strip)
    {
        // Whole elements only: a caller may read a tile's bytes in any pieces.
        int size = spec.DType.Size();
        int skip = Math.Min(strip.Length, (size - (offset % size)) % size);
        offset += skip;
        strip = strip.Slice(skip, (strip.Length - skip) / size * size);
        int notFinite = spec.DType.IsTrainable() ? NotFinite.IndexIn(spec.DType, strip) : -1;
        if (notFinite >= 0)
        {
            throw Refusal(spec, tile, (offset / size) + notFinite, strip.Slice(notFinite * size, size));
        }
    }

    private TensorFormatException Refusal(TensorSpec spec, Tile tile, int element, ReadOnlySpan<byte> bytes)
    {
        Span<float> value = stackalloc float[1];
        DenseFloats.Widen(spec.DType, bytes, value);
        return new TensorFormatException(
            $"tensor '{spec.Name}' is {value[0]} at element {(tile.Index * Tile.ElementsMax) + element}; only finite values can be sent");
    }
}
