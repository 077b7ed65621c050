using Tributary.Tensors;

namespace Tributary.Codecs;

/// <summary>
/// A view of encoded tensors as dense ones of their original type. A strip is decoded when it is read, from its own scales and
/// codes alone.
/// </summary>
/// <remarks>Values that the original type cannot hold exactly are rounded as <see cref="DenseFloats.Narrow"/> does.</remarks>
public sealed class DequantizedSource : TensorSource
{
    private readonly TensorSource _encoded;

    /// <summary>Makes the view; nothing is read yet.</summary>
    /// <exception cref="ArgumentException">A tensor's encoding is not a <see cref="Codec"/>.</exception>
    public DequantizedSource(TensorSource encoded)
    {
        ArgumentNullException.ThrowIfNull(encoded);
        if (encoded.Manifest.FirstOrDefault(entry => !entry.IsDense && entry.Encoding is not Codec) is { } foreign)
        {
            throw new ArgumentException($"tensor '{foreign.Spec.Name}' is encoded as {foreign.Encoding.Name}, which is no precision");
        }

        _encoded = encoded;
        Manifest = new TensorManifest(encoded.Manifest.Select(entry => entry.IsDense ? entry : new TensorEntry(entry.Spec)));
    }

    /// <summary>What is decoded.</summary>
    public TensorSource Encoded => _encoded;

    /// <inheritdoc/>
    public override TensorManifest Manifest { get; }

    /// <inheritdoc/>
    public override void Read(Tile tile, int offset, Span<byte> destination)
    {
        TensorEntry beneath = _encoded.Manifest[tile.Tensor];
        if (beneath.Encoding is not Codec codec)
        {
            _encoded.Read(tile, offset, destination);
            return;
        }

        DType dtype = beneath.Spec.DType;
        int start = offset / dtype.Size();
        int elements = destination.Length / dtype.Size();
        if (offset % (dtype.Size() * Tile.StripAlignment) != 0 || destination.Length % dtype.Size() != 0)
        {
            throw new ArgumentException(
                $"tensor '{beneath.Spec.Name}': bytes {offset} to {offset + destination.Length} of a tile are not a strip, "
                + $"which begins at a multiple of {Tile.StripAlignment} elements");
        }

        int scaleBytes = codec.ScaleBytes(start, elements);
        using NativeBuffer buffer = NativeBuffer.Rent(scaleBytes + codec.CodeBytes(elements));
        ReadStrip(codec, beneath.Spec, tile, start, elements, buffer.Bytes);
        codec.DecodeStrip(start, buffer.Bytes[..scaleBytes], buffer.Bytes[scaleBytes..], dtype, destination);
    }

    /// <summary>Reads the parts of each plane that a strip touches, one after the other.</summary>
    private void ReadStrip(Codec codec, TensorSpec spec, Tile tile, int start, int elements, Span<byte> strip)
    {
        int tileElements = spec.TileElements(tile.Index);
        if (elements == tileElements)
        {
            _encoded.Read(tile, 0, strip);
            return;
        }

        int planeOffset = 0;
        foreach (Plane plane in codec.Planes)
        {
            int length = plane.StripLength(start, elements);
            _encoded.Read(tile, planeOffset + plane.Offset(start), strip[..length]);
            strip = strip[length..];
            planeOffset += plane.ByteLength(tileElements);
        }
    }
}
