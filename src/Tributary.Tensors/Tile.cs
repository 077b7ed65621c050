namespace Tributary.Tensors;

/// <summary>The address of a tile: a fixed run of elements of one tensor, the unit that is read, filtered, encoded and merged.</summary>
/// <param name="Tensor">The tensor's index in its manifest.</param>
/// <param name="Index">The tile's index in its tensor.</param>
public readonly record struct Tile(int Tensor, long Index)
{
    /// <summary>The elements of every tile but a tensor's last: 2^20, a multiple of every codec's block.</summary>
    public const int ElementsMax = 1 << 20;

    /// <summary>
    /// What the start of a strip (a run inside a tile, for readers short of memory) is a multiple of, in elements. Its end is one
    /// too, or the end of the tile.
    /// </summary>
    public const int StripAlignment = 4096;
}
