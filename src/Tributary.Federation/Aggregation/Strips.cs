using System.Runtime.InteropServices;
using Tributary.Tensors;

namespace Tributary.Federation.Aggregation;

/// <summary>A strip of each of several sources, as the rows of one buffer.</summary>
/// <remarks>
/// Rows begin at different cache sets, where strides of a power of two would make all of them compete for the same few lines. Each has
/// <see cref="Padding"/> floats behind it that may be overwritten, so that kernels take whole vectors to the end.
/// </remarks>
internal readonly ref struct Strips
{
    /// <summary>The most floats that a kernel takes at once.</summary>
    public const int Padding = 64;

    // All rows together stay in a core's own cache.
    private const int Floats = 1 << 17;

    private readonly Span<float> _values;

    /// <summary>Makes rows of a buffer of <see cref="FloatsOf"/> floats.</summary>
    public Strips(Span<float> values, int count, int length)
    {
        _values = values;
        Count = count;
        Elements = length;
        Stride = StrideOf(length);
    }

    public int Count { get; }

    /// <summary>The floats of a row.</summary>
    public int Elements { get; }

    /// <summary>The floats from a row's first to the next one's.</summary>
    public int Stride { get; }

    public Span<float> this[int row] => _values.Slice(row * Stride, Elements);

    /// <summary>The elements to take at a time from so many sources: a multiple of what strips are aligned to.</summary>
    public static int ElementsFor(int sources) => Math.Max(Tile.StripAlignment, Floats / sources / Tile.StripAlignment * Tile.StripAlignment);

    /// <summary>The floats that so many rows of that length take.</summary>
    public static int FloatsOf(int count, int length) => checked(count * StrideOf(length));

    /// <summary>The first row's first float; all others are found from it.</summary>
    public ref float First() => ref MemoryMarshal.GetReference(_values);

    private static int StrideOf(int length) => ((length + Padding - 1) / Padding * Padding) + Padding;
}
