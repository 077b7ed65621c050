using System.Runtime.InteropServices;
using Tributary.Codecs.Quantizers;

namespace Tributary.Codecs.Blocks;

/// <summary>A precision of blocks that share an fp32 scale; see <see cref="BlockReference{TQuantizer}"/>.</summary>
internal sealed class BlockCodec<TQuantizer>(string name, int blockElements)
    : RunCodec(name, blockElements, new Plane(1, 8 / TQuantizer.CodeBits), new Plane(sizeof(float), blockElements))
    where TQuantizer : IQuantizer
{
    private protected override int EncodeRun(ReadOnlySpan<float> values, Span<byte> scales, Span<byte> codes) =>
        BlockKernel<TQuantizer>.Encode(BlockElements, values, MemoryMarshal.Cast<byte, float>(scales), codes);

    private protected override void DecodeRun(ReadOnlySpan<byte> scales, ReadOnlySpan<byte> codes, Span<float> values) =>
        BlockKernel<TQuantizer>.Decode(BlockElements, MemoryMarshal.Cast<byte, float>(scales), codes, values);
}
