namespace Tributary.Tensors;

/// <summary>
/// How the elements of a tile are laid out as bytes. All encodings are fixed-rate: the length follows from the type and the number
/// of elements alone, so a file's header and length are known before its data, and a tile's place before the tile.
/// </summary>
public abstract class TileEncoding
{
    /// <summary>The elements themselves, little endian, one after the other.</summary>
    public static TileEncoding Dense { get; } = new DenseEncoding();

    /// <summary>The encoding's name as it stands in job files and messages.</summary>
    public abstract string Name { get; }

    /// <summary>The bytes that <paramref name="elements"/> elements of a tile take.</summary>
    public abstract int ByteLength(DType dtype, int elements);

    /// <summary>The entry under which a tensor of this encoding stands in a safetensors file: its bytes, unless overridden.</summary>
    public virtual TensorSpec StoredAs(TensorSpec spec) => new(spec.Name, DType.U8, new TensorShape(new TensorEntry(spec, this).ByteLength));

    private sealed class DenseEncoding : TileEncoding
    {
        public override string Name => "dense";

        public override int ByteLength(DType dtype, int elements) => checked(elements * dtype.Size());

        public override TensorSpec StoredAs(TensorSpec spec) => spec;
    }
}
