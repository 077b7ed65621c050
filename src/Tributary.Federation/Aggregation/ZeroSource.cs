using Tributary.Tensors;

namespace Tributary.Federation.Aggregation;

/// <summary>Zeros in fp32, named and shaped like the trainable tensors of another source.</summary>
public sealed class ZeroSource(TensorSource like) : TensorSource
{
    /// <inheritdoc/>
    public override TensorManifest Manifest { get; } = new(like.Manifest
        .Where(entry => entry.Spec.DType.IsTrainable())
        .Select(entry => new TensorEntry(entry.Spec with { DType = DType.F32 })));

    /// <inheritdoc/>
    public override void Read(Tile tile, int offset, Span<byte> destination) => destination.Clear();
}
