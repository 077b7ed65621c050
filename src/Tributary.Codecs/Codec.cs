using System.Runtime.InteropServices;
using Tributary.Tensors;

namespace Tributary.Codecs;

/// <summary>
/// A precision that tensors travel in: turns the floats of a tile into fewer bytes, and back. A tile's bytes are its scales, then
/// its codes. Codecs have no state; there is one instance of each, in <see cref="Precision"/>.
/// </summary>
public abstract class Codec : TileEncoding
{
    private readonly Plane[] _planes;

    /// <summary>Makes a codec.</summary>
    /// <param name="name">The precision as it stands in job files and messages.</param>
    /// <param name="blockElements">The elements that share a scale; 1 where there are no scales.</param>
    /// <param name="codePlane">The layout of the codes.</param>
    /// <param name="scalePlanes">The layout of the scales.</param>
    private protected Codec(string name, int blockElements, Plane codePlane, params Plane[] scalePlanes)
    {
        Name = name;
        BlockElements = blockElements;
        _planes = [.. scalePlanes, codePlane];
    }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <summary>The elements that share a scale; 1 where there are no scales. A tile is a multiple of it.</summary>
    public int BlockElements { get; }

    /// <summary>The layout of a tile: planes of scales (none, one or several), then the plane of codes, one after the other.</summary>
    public ReadOnlySpan<Plane> Planes => _planes;

    /// <summary>
    /// Whether tensors of that type are encoded. Those that are not floats, and those that are no wider than what they would
    /// become, travel as they are: a codec never makes a tensor wider, nor loses bits where it saves no bytes.
    /// </summary>
    public virtual bool Encodes(DType dtype) => dtype.IsTrainable();

    /// <summary>
    /// Whether so little is left of each value that the precision is for changes alone, whose sender keeps what was lost and adds it to
    /// the next one. Whole weights would be ruined: nobody sends later what they lost.
    /// </summary>
    /// <remarks>
    /// What is decoded is always nearer to the values than zeros are, unless all are too small for a bfloat16 and become zeros. So what is kept for later stays bounded.
    /// </remarks>
    public virtual bool IsForChanges => false;

    /// <summary>The bytes of the scales of a tile of that many elements.</summary>
    public int ScaleBytes(int elements) => ScaleBytes(0, elements);

    /// <summary>The bytes of the scales that a strip touches.</summary>
    /// <param name="start">The strip's first element, counted from its tile's.</param>
    /// <param name="elements">The strip's length.</param>
    public int ScaleBytes(int start, int elements)
    {
        int bytes = 0;
        foreach (Plane plane in _planes.AsSpan(0, _planes.Length - 1))
        {
            bytes += plane.StripLength(start, elements);
        }

        return bytes;
    }

    /// <summary>The bytes of the codes of a tile of that many elements.</summary>
    public int CodeBytes(int elements) => _planes[^1].ByteLength(elements);

    /// <inheritdoc/>
    public override int ByteLength(DType dtype, int elements) => checked(ScaleBytes(elements) + CodeBytes(elements));

    /// <summary>Encodes a tile, or a run of one that begins at a block's first element and is then read as a tile of its own.</summary>
    /// <param name="values">Only a tensor's last block may be short.</param>
    /// <param name="scales">Receives <c>ScaleBytes(values.Length)</c> bytes.</param>
    /// <param name="codes">Receives <c>CodeBytes(values.Length)</c> bytes.</param>
    /// <exception cref="TensorFormatException">A value is NaN or infinite. What has been written by then means nothing.</exception>
    public void Encode(ReadOnlySpan<float> values, Span<byte> scales, Span<byte> codes)
    {
        CheckLengths(0, values.Length, scales.Length, codes.Length);
        int notFinite = EncodeTile(DType.F32, MemoryMarshal.AsBytes(values), scales, codes);
        if (notFinite >= 0)
        {
            throw new TensorFormatException($"the value is {values[notFinite]} at element {notFinite}; only finite values can be encoded as {Name}");
        }
    }

    /// <summary>Decodes a tile or a strip of one.</summary>
    /// <param name="start">The first element, counted from its tile's: a multiple of <see cref="BlockElements"/>.</param>
    /// <param name="scales">Of each plane of scales, one after the other, the groups that the strip touches.</param>
    /// <param name="codes">The codes that the strip touches.</param>
    /// <param name="values">Receives the values.</param>
    public void Decode(int start, ReadOnlySpan<byte> scales, ReadOnlySpan<byte> codes, Span<float> values)
    {
        CheckLengths(start, values.Length, scales.Length, codes.Length);
        DecodeStrip(start, scales, codes, DType.F32, MemoryMarshal.AsBytes(values));
    }

    /// <summary>Decodes a whole tile, or a run that was encoded as one.</summary>
    public void Decode(ReadOnlySpan<byte> scales, ReadOnlySpan<byte> codes, Span<float> values) => Decode(0, scales, codes, values);

    /// <summary>Encodes a tile of F32, F16 or BF16 elements; the caller has seen to the lengths.</summary>
    /// <returns>The first element that is NaN or infinite, or -1.</returns>
    internal abstract int EncodeTile(DType dtype, ReadOnlySpan<byte> dense, Span<byte> scales, Span<byte> codes);

    /// <summary>Decodes a strip to F32, F16 or BF16 elements; the caller has seen to the lengths.</summary>
    internal abstract void DecodeStrip(int start, ReadOnlySpan<byte> scales, ReadOnlySpan<byte> codes, DType dtype, Span<byte> dense);

    private void CheckLengths(int start, int elements, int scaleBytes, int codeBytes)
    {
        if (start % BlockElements != 0)
        {
            throw new ArgumentException($"{Name}: a strip cannot begin at element {start}, inside a block of {BlockElements}.");
        }

        if (elements > Tile.ElementsMax - start)
        {
            throw new ArgumentException($"{Name}: {elements} elements from {start} are more than a tile's {Tile.ElementsMax}.");
        }

        int scalesNeeded = ScaleBytes(start, elements);
        int codesNeeded = CodeBytes(elements);
        if (scaleBytes != scalesNeeded || codeBytes != codesNeeded)
        {
            throw new ArgumentException(
                $"{Name}: {elements} elements take {scalesNeeded} + {codesNeeded} bytes of scales and codes, not {scaleBytes} + {codeBytes}.");
        }
    }
}
