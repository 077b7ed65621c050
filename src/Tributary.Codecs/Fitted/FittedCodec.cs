using System.Runtime.InteropServices;
using Tributary.Tensors;

namespace Tributary.Codecs.Fitted;

/// <summary>A precision of few levels whose blocks share a bfloat16 scale; see <see cref="FittedReference{TQuantizer}"/>.</summary>
internal sealed class FittedCodec<TQuantizer>(string name) : RunCodec(
    name, TQuantizer.BlockElements, new Plane(1, 8 / TQuantizer.CodeBits), new Plane(DType.BF16.Size(), TQuantizer.BlockElements))
    where TQuantizer : IFittedQuantizer
{
    /// <inheritdoc/>
    public override bool IsForChanges => TQuantizer.IsForChanges;

    private protected override int EncodeRun(ReadOnlySpan<float> values, Span<byte> scales, Span<byte> codes) =>
        FittedKernel<TQuantizer>.Encode(values, MemoryMarshal.Cast<byte, ushort>(scales), codes);

    private protected override void DecodeRun(ReadOnlySpan<byte> scales, ReadOnlySpan<byte> codes, Span<float> values) =>
        FittedKernel<TQuantizer>.Decode(MemoryMarshal.Cast<byte, ushort>(scales), codes, values);
}
