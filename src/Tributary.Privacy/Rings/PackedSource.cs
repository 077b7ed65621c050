using System.Runtime.InteropServices;
using Tributary.Tensors;

namespace Tributary.Privacy.Rings;

/// <summary>
/// Integers of a ring as they travel: each tensor is one of bytes under the same name, its integers one after the other in k bits (<see cref="BitPacking"/>). Packed when a tile is read.
/// </summary>
public sealed class PackedSource : TensorSource
{
    internal const int StripElements = 1 << 16;

    private readonly TensorSource _integers;
    private readonly int _bits;

    /// <summary>Wraps integers; nothing is read yet.</summary>
    /// <param name="integers">U32 tensors, each element below 2^k.</param>
    /// <param name="bits">k, from 1 to 32.</param>
    public PackedSource(TensorSource integers, int bits) => (_integers, _bits, Manifest) = (integers, bits, ManifestOf(integers.Manifest, bits));

    /// <inheritdoc/>
    public override TensorManifest Manifest { get; }

    /// <summary>The tensors of bytes that a model's elements travel in.</summary>
    /// <param name="model">Tensors of any type.</param>
    /// <param name="bits">k.</param>
    public static TensorManifest ManifestOf(TensorManifest model, int bits) => new(model.Select(entry =>
        new TensorEntry(new TensorSpec(entry.Spec.Name, DType.U8, new TensorShape(BitPacking.ByteLength(entry.Spec.ElementCount, bits))))));

    /// <inheritdoc/>
    public override void Read(Tile tile, int offset, Span<byte> destination)
    {
        long from = (tile.Index * Tile.ElementsMax) + offset, end = from + destination.Length;
        long count = _integers.Manifest[tile.Tensor].Spec.ElementCount;
        long last = Math.Min(count, ((end * 8) + _bits - 1) / _bits);
        using NativeBuffer integers = NativeBuffer.Rent(StripElements * sizeof(uint));
        using NativeBuffer bytes = NativeBuffer.Rent((int)BitPacking.ByteLength(StripElements, _bits));
        for (long first = from * 8 / _bits / Tile.StripAlignment * Tile.StripAlignment; first < last;)
        {
            // Never beyond a tile of the integers, of which these are a whole share.
            long stop = Math.Min(count, (first / StripElements * StripElements) + StripElements);
            Span<byte> strip = integers.Bytes[..(int)((stop - first) * sizeof(uint))];
            _integers.Read(new Tile(tile.Tensor, first / Tile.ElementsMax), (int)(first % Tile.ElementsMax) * sizeof(uint), strip);
            Span<byte> packed = bytes.Bytes[..(int)BitPacking.ByteLength(stop - first, _bits)];
            BitPacking.Pack(MemoryMarshal.Cast<byte, uint>(strip), _bits, packed);
            long at = first * _bits / 8;
            long begin = Math.Max(from, at), stopped = Math.Min(end, at + packed.Length);
            packed[(int)(begin - at)..(int)(stopped - at)].CopyTo(destination[(int)(begin - from)..]);
            first = stop;
        }
    }
}
