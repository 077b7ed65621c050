using Tributary.Privacy.Rings;
using Tributary.Tensors;

namespace Tributary.Privacy.SecureAggregation;

/// <summary>Ring elements under masks, which are made when a tile is read: each element by itself is uniform modulo 2^k for whoever does not know the seeds.</summary>
internal sealed class MaskedSource : TensorSource
{
    private readonly TensorSource _integers;
    private readonly RingGrid _grid;
    private readonly RingMasks _masks;

    public MaskedSource(TensorSource integers, RingGrid grid, IReadOnlyCollection<MaskTerm> terms)
    {
        RingIntegers.Require(integers.Manifest);
        (_integers, _grid, _masks) = (integers, grid, new RingMasks(grid, integers.Manifest, terms));
    }

    public override TensorManifest Manifest => _integers.Manifest;

    public override void Read(Tile tile, int offset, Span<byte> destination) =>
        _masks.AddTo(tile.Tensor, RingIntegers.PlaceOf(tile, offset), RingIntegers.Read(_integers, _grid, tile, offset, destination));
}
