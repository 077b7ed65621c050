using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Tributary.Codecs.Quantizers;
using Tributary.Tensors;

namespace Tributary.Codecs.Blocks;

/// <summary>
/// A precision of blocks whose scales are encoded too ("double quantization"): less their mean over the tile, in groups of 256, by
/// the 8-bit dynamic map. A tile is that mean, the scales of the groups, a byte for each block, and the codes.
/// </summary>
/// <remarks>
/// Source: QLoRA (arXiv 2305.14314), section 3, with the tile in the place of the tensor so that tiles decode alone. Codes are made
/// with the exact scales. The mean is summed in double precision, in order.
/// </remarks>
internal sealed class NestedCodec<TQuantizer>(string name) : Codec(
    name,
    BlockSize,
    new Plane(1, 8 / TQuantizer.CodeBits),
    new Plane(sizeof(float), Tile.ElementsMax),
    new Plane(sizeof(float), BlockSize * GroupBlocks),
    new Plane(1, BlockSize))
    where TQuantizer : IQuantizer
{
    private const int BlockSize = 64;
    private const int GroupBlocks = 256;
    private const int TileBlocks = Tile.ElementsMax / BlockSize;

    private readonly BlockCodec<TQuantizer> _blocks = new(name, BlockSize);

    [SkipLocalsInit]
    internal override int EncodeTile(DType dtype, ReadOnlySpan<byte> dense, Span<byte> scales, Span<byte> codes)
    {
        Span<float> absmaxes = stackalloc float[TileBlocks];
        absmaxes = absmaxes[..Blocks(dense.Length / dtype.Size())];
        int notFinite = _blocks.EncodeTile(dtype, dense, MemoryMarshal.AsBytes(absmaxes), codes);
        if (notFinite >= 0 || absmaxes.IsEmpty)
        {
            return notFinite;
        }

        float mean = Mean(absmaxes);
        TensorPrimitives.Subtract(absmaxes, mean, absmaxes);
        MemoryMarshal.Write(scales, mean);
        int groupBytes = Planes[1].ByteLength(absmaxes.Length * BlockSize);
        Span<float> groups = MemoryMarshal.Cast<byte, float>(scales.Slice(sizeof(float), groupBytes));
        BlockKernel<DynamicMap>.Encode(GroupBlocks, absmaxes, groups, scales[(sizeof(float) + groupBytes)..]);
        return -1;
    }

    [SkipLocalsInit]
    internal override void DecodeStrip(int start, ReadOnlySpan<byte> scales, ReadOnlySpan<byte> codes, DType dtype, Span<byte> dense)
    {
        if (dense.IsEmpty)
        {
            return;
        }

        int elements = dense.Length / dtype.Size();
        Span<float> absmaxes = stackalloc float[TileBlocks];
        absmaxes = absmaxes[..Blocks(elements)];
        int groupBytes = Planes[1].StripLength(start, elements);
        ReadOnlySpan<float> groups = MemoryMarshal.Cast<byte, float>(scales.Slice(sizeof(float), groupBytes));
        ReadOnlySpan<byte> scaleCodes = scales[(sizeof(float) + groupBytes)..];

        // The first group may have begun before the strip.
        int inGroup = start / BlockSize % GroupBlocks;
        for (int done = 0, group = 0; done < absmaxes.Length; group++)
        {
            int count = Math.Min(GroupBlocks - inGroup, absmaxes.Length - done);
            BlockKernel<DynamicMap>.Decode(GroupBlocks, groups.Slice(group, 1), scaleCodes.Slice(done, count), absmaxes.Slice(done, count));
            done += count;
            inGroup = 0;
        }

        TensorPrimitives.Add(absmaxes, MemoryMarshal.Read<float>(scales), absmaxes);
        _blocks.DecodeStrip(start, MemoryMarshal.AsBytes(absmaxes), codes, dtype, dense);
    }

    private static int Blocks(int elements) => (elements + BlockSize - 1) / BlockSize;

    private static float Mean(ReadOnlySpan<float> values)
    {
        double sum = 0;
        foreach (float value in values)
        {
            sum += value;
        }

        return (float)(sum / values.Length);
    }
}
