namespace Tributary.Tensors;

/// <summary>A tensor of a source: what it is, and how its tiles are laid out as bytes when they are read from that source.</summary>
public sealed record TensorEntry(TensorSpec Spec, TileEncoding Encoding)
{
    /// <summary>A tensor whose tiles are its elements.</summary>
    public TensorEntry(TensorSpec spec)
        : this(spec, TileEncoding.Dense)
    {
    }

    /// <summary>Whether tiles are the elements themselves.</summary>
    public bool IsDense => ReferenceEquals(Encoding, TileEncoding.Dense);

    /// <summary>The bytes of all tiles.</summary>
    public long ByteLength => Spec.ElementCount == 0 ? 0 : TileOffset(Spec.TileCount - 1) + TileBytes(Spec.TileCount - 1);

    /// <summary>The bytes of one tile.</summary>
    public int TileBytes(long tile) => Encoding.ByteLength(Spec.DType, Spec.TileElements(tile));

    /// <summary>Where a tile's bytes begin, counted from the tensor's first.</summary>
    public long TileOffset(long tile) => tile * (long)Encoding.ByteLength(Spec.DType, Tile.ElementsMax);

    /// <summary>The tile that has a byte of the tensor's, and where in the tile that byte is.</summary>
    public (long Tile, int Offset) TileAt(long offset)
    {
        int tileBytes = Encoding.ByteLength(Spec.DType, Tile.ElementsMax);
        return (offset / tileBytes, (int)(offset % tileBytes));
    }
}
