using Tributary.Tensors;

namespace Tributary.Codecs;

/// <summary>A precision that is itself a float type: no scales, and the codes are the elements in that type, little endian.</summary>
internal sealed class FloatCodec : RunCodec
{
    private readonly DType _dtype;

    public FloatCodec(string name, DType dtype)
        : base(name, blockElements: 1, new Plane(dtype.Size(), 1)) => _dtype = dtype;

    /// <inheritdoc/>
    public override bool Encodes(DType dtype) => base.Encodes(dtype) && _dtype.Size() < dtype.Size();

    /// <summary>The tensor itself, in this type.</summary>
    public override TensorSpec StoredAs(TensorSpec spec) => spec with { DType = _dtype };

    private protected override int EncodeRun(ReadOnlySpan<float> values, Span<byte> scales, Span<byte> codes)
    {
        int notFinite = NotFinite.IndexIn(values, 0);
        if (notFinite < 0)
        {
            DenseFloats.Narrow(values, _dtype, codes);
        }

        return notFinite;
    }

    private protected override void DecodeRun(ReadOnlySpan<byte> scales, ReadOnlySpan<byte> codes, Span<float> values) =>
        DenseFloats.Widen(_dtype, codes, values);
}
