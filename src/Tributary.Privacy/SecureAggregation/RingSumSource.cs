using System.Runtime.InteropServices;
using Tributary.Privacy.Rings;
using Tributary.Tensors;

namespace Tributary.Privacy.SecureAggregation;

/// <summary>
/// The sum of several sources of ring elements modulo 2^k, and of masks that take off those in it: strip by strip, in the same memory however many sources and however large they are.
/// </summary>
public sealed class RingSumSource : TensorSource
{
    private readonly TensorSource[] _sources;
    private readonly RingGrid _grid;
    private readonly RingMasks _masks;

    /// <summary>The sum of bare integers.</summary>
    /// <param name="sources">U32 tensors of the same names and shapes, each element one of the ring; one source or more.</param>
    /// <param name="grid">The ring, for as many sites.</param>
    public RingSumSource(IReadOnlyList<TensorSource> sources, RingGrid grid)
        : this(sources, grid, [])
    {
    }

    internal RingSumSource(IReadOnlyList<TensorSource> sources, RingGrid grid, IReadOnlyCollection<MaskTerm> terms) =>
        (_sources, _grid, _masks) = ([.. sources], grid, new RingMasks(grid, sources[0].Manifest, terms));

    /// <inheritdoc/>
    public override TensorManifest Manifest => _sources[0].Manifest;

    /// <inheritdoc/>
    public override void Read(Tile tile, int offset, Span<byte> destination)
    {
        using NativeBuffer buffer = NativeBuffer.Rent(Math.Min(RingIntegers.StripBytes, destination.Length));
        for (int start = 0; start < destination.Length; start += RingIntegers.StripBytes)
        {
            int length = Math.Min(RingIntegers.StripBytes, destination.Length - start);
            Span<uint> sum = MemoryMarshal.Cast<byte, uint>(destination.Slice(start, length));
            sum.Clear();
            foreach (TensorSource source in _sources)
            {
                _grid.Add(sum, RingIntegers.Read(source, _grid, tile, offset + start, buffer.Bytes[..length]));
            }

            _masks.AddTo(tile.Tensor, RingIntegers.PlaceOf(tile, offset + start), sum);
        }
    }
}
