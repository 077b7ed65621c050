namespace Tributary.Tensors;

/// <summary>What a tensor is: its name, the type of its elements and its shape.</summary>
public sealed record TensorSpec(string Name, DType DType, TensorShape Shape)
{
    /// <summary>The number of elements.</summary>
    public long ElementCount => Shape.ElementCount;

    /// <summary>The number of tiles; the last one may be short, an empty tensor has none.</summary>
    public long TileCount => (ElementCount + Tile.ElementsMax - 1) / Tile.ElementsMax;

    /// <summary>The number of elements in one tile.</summary>
    public int TileElements(long tile) => (int)Math.Min(Tile.ElementsMax, ElementCount - (tile * Tile.ElementsMax));

    /// <summary>The tensor as <c>F32[512, 64] model.embed_tokens.weight</c>.</summary>
    public override string ToString() => $"{DType.Name()}{Shape} {Name}";
}
