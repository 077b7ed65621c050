using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Tributary.Tensors;

namespace Tributary.Codecs.Sparse;

/// <summary>
/// The largest values of each run of 4096 elements, as one of two magnitudes with a sign; all others are zero. Where a run is short, as
/// large a share of it is kept.
/// </summary>
/// <remarks>
/// Source: sparsified SGD with memory (Stich et al., arXiv 1809.07599). Positions are Elias-Fano coded: with one of every 2^b elements
/// kept, b low bits each and at most two bits for the rest, so the rate is fixed; see <see cref="TopKRun"/>.
/// </remarks>
internal sealed class TopKCodec : RunCodec
{
    /// <summary>The elements of a run: those that are compared with each other.</summary>
    public const int RunElements = Tile.StripAlignment;

    /// <summary>So many kept elements take whole bytes, whatever the number of low bits.</summary>
    private const int GroupKept = 8;

    private readonly int _lowBits;

    /// <summary>Makes a codec.</summary>
    /// <param name="name">The precision's name.</param>
    /// <param name="kept">The elements that are kept of 4096: a power of two from 8 to 1024.</param>
    public TopKCodec(string name, int kept)
        : base(name, RunElements, new Plane(LowBits(kept) + 4, GroupKept * RunElements / kept), new Plane(2 * DType.BF16.Size(), RunElements)) =>
        _lowBits = LowBits(kept);

    /// <inheritdoc/>
    public override bool IsForChanges => true;

    [SkipLocalsInit]
    private protected override int EncodeRun(ReadOnlySpan<float> values, Span<byte> scales, Span<byte> codes)
    {
        Span<ushort> positions = stackalloc ushort[Kept(values.Length)];
        int kept = Vector128.IsHardwareAccelerated ? TopKKernel.Select(values, positions) : TopKReference.Select(values, positions);
        if (kept < 0)
        {
            return NotFinite.IndexIn(values, 0);
        }

        TopKRun.Write(_lowBits, values, positions[..kept], MemoryMarshal.Cast<byte, ushort>(scales), codes);
        return -1;
    }

    private protected override void DecodeRun(ReadOnlySpan<byte> scales, ReadOnlySpan<byte> codes, Span<float> values)
    {
        values.Clear();
        for (int start = 0; start < values.Length; start += RunElements)
        {
            Span<float> run = values.Slice(start, Math.Min(RunElements, values.Length - start));
            ReadOnlySpan<ushort> magnitudes = MemoryMarshal.Cast<byte, ushort>(scales.Slice(ScaleBytes(start), ScaleBytes(run.Length)));
            TopKRun.Read(_lowBits, Kept(run.Length), magnitudes, codes.Slice(CodeBytes(start), CodeBytes(run.Length)), run);
        }
    }

    private int Kept(int elements) => (elements + (1 << _lowBits) - 1) >> _lowBits;

    private static int LowBits(int kept) => kept is >= 8 and <= 1024 && BitOperations.IsPow2(kept)
        ? BitOperations.Log2((uint)(RunElements / kept))
        : throw new ArgumentOutOfRangeException(nameof(kept), kept, $"Of {RunElements} elements a power of two from 8 to 1024 can be kept.");
}
