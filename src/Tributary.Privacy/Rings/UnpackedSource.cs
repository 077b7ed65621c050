using System.Runtime.InteropServices;
using Tributary.Tensors;

namespace Tributary.Privacy.Rings;

/// <summary>What <see cref="PackedSource"/> made, as integers again: U32 tensors of a model's shapes.</summary>
public sealed class UnpackedSource : TensorSource
{
    private readonly TensorSource _packed;
    private readonly int _bits;
    private readonly int[] _places;

    /// <summary>Wraps a message of packed integers.</summary>
    /// <param name="packed">The message; its tiles lie in a file and may be read from any byte on.</param>
    /// <param name="model">The tensors they are of.</param>
    /// <param name="bits">k.</param>
    /// <exception cref="TensorFormatException">They are not the model's tensors in k bits.</exception>
    public UnpackedSource(TensorSource packed, TensorManifest model, int bits)
    {
        TensorManifest expected = PackedSource.ManifestOf(model, bits);
        _places = new int[expected.Count];
        for (int i = 0; i < expected.Count; i++)
        {
            _places[i] = packed.Manifest.IndexOf(expected[i].Spec.Name);
            if (_places[i] < 0 || !packed.Manifest[_places[i]].IsDense || packed.Manifest[_places[i]].Spec != expected[i].Spec || packed.Manifest.Count != expected.Count)
            {
                throw new TensorFormatException($"the message should have {expected.Count} tensors of integers in {bits} bits, among them {expected[i].Spec}, and has not");
            }
        }

        (_packed, _bits) = (packed, bits);
        Manifest = new TensorManifest(model.Select(entry => new TensorEntry(entry.Spec with { DType = DType.U32 })));
    }

    /// <inheritdoc/>
    public override TensorManifest Manifest { get; }

    /// <inheritdoc/>
    public override void Read(Tile tile, int offset, Span<byte> destination)
    {
        using NativeBuffer bytes = NativeBuffer.Rent((int)BitPacking.ByteLength(Math.Min(PackedSource.StripElements, destination.Length / sizeof(uint)), _bits));
        Span<uint> elements = MemoryMarshal.Cast<byte, uint>(destination);
        long place = (tile.Index * Tile.ElementsMax) + (offset / sizeof(uint));
        for (int start = 0; start < elements.Length; start += PackedSource.StripElements)
        {
            Span<uint> strip = elements[start..Math.Min(elements.Length, start + PackedSource.StripElements)];
            Span<byte> packed = bytes.Bytes[..(int)BitPacking.ByteLength(strip.Length, _bits)];
            ReadBytes(_places[tile.Tensor], (place + start) * _bits / 8, packed);
            BitPacking.Unpack(packed, _bits, strip);
        }
    }

    private void ReadBytes(int tensor, long from, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            int offset = (int)(from % Tile.ElementsMax);
            int length = Math.Min(destination.Length, Tile.ElementsMax - offset);
            _packed.Read(new Tile(tensor, from / Tile.ElementsMax), offset, destination[..length]);
            from += length;
            destination = destination[length..];
        }
    }
}
