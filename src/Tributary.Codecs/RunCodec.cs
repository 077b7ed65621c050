using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Tributary.Tensors;

namespace Tributary.Codecs;

/// <summary>
/// A codec whose tiles can be worked on in runs that know nothing of each other: 16-bit elements are widened and narrowed a run at
/// a time, in the first-level cache, not in a pass of their own.
/// </summary>
internal abstract class RunCodec : Codec
{
    /// <summary>A multiple of every block; 16 KiB as fp32.</summary>
    private const int RunElements = Tile.StripAlignment;

    private protected RunCodec(string name, int blockElements, Plane codePlane, params Plane[] scalePlanes)
        : base(name, blockElements, codePlane, scalePlanes)
    {
    }

    [SkipLocalsInit]
    internal sealed override int EncodeTile(DType dtype, ReadOnlySpan<byte> dense, Span<byte> scales, Span<byte> codes)
    {
        Span<float> widened = stackalloc float[RunElements];
        int elements = dense.Length / dtype.Size();
        for (int start = 0; start < elements; start += RunElements)
        {
            int count = Math.Min(RunElements, elements - start);
            ReadOnlySpan<byte> source = dense.Slice(start * dtype.Size(), count * dtype.Size());
            scoped ReadOnlySpan<float> values = MemoryMarshal.Cast<byte, float>(source);
            if (dtype != DType.F32)
            {
                DenseFloats.Widen(dtype, source, widened[..count]);
                values = widened[..count];
            }

            int notFinite = EncodeRun(values, scales.Slice(ScaleBytes(start), ScaleBytes(count)), codes.Slice(CodeBytes(start), CodeBytes(count)));
            if (notFinite >= 0)
            {
                return start + notFinite;
            }
        }

        return -1;
    }

    [SkipLocalsInit]
    internal sealed override void DecodeStrip(int start, ReadOnlySpan<byte> scales, ReadOnlySpan<byte> codes, DType dtype, Span<byte> dense)
    {
        if (dtype == DType.F32)
        {
            DecodeRun(scales, codes, MemoryMarshal.Cast<byte, float>(dense));
            return;
        }

        Span<float> wide = stackalloc float[RunElements];
        int elements = dense.Length / dtype.Size();
        for (int first = 0; first < elements; first += RunElements)
        {
            Span<float> values = wide[..Math.Min(RunElements, elements - first)];
            DecodeRun(scales.Slice(ScaleBytes(first), ScaleBytes(values.Length)), codes.Slice(CodeBytes(first), CodeBytes(values.Length)), values);
            DenseFloats.Narrow(values, dtype, dense.Slice(first * dtype.Size(), values.Length * dtype.Size()));
        }
    }

    /// <summary>Encodes a run of blocks, of which the last may be short.</summary>
    /// <returns>The first element that is NaN or infinite, or -1.</returns>
    private protected abstract int EncodeRun(ReadOnlySpan<float> values, Span<byte> scales, Span<byte> codes);

    /// <summary>Decodes a run of blocks, of which the last may be short.</summary>
    private protected abstract void DecodeRun(ReadOnlySpan<byte> scales, ReadOnlySpan<byte> codes, Span<float> values);
}
