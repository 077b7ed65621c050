using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Tributary.Tensors;

namespace Tributary.Federation.Aggregation;

/// <summary>
/// The squared distances between N dense sources, as a source itself: a tile of it is what the sources' tile adds to the distance of each pair, so
/// that the cores share the work as they share any other, and the sums are taken in the order of the tiles.
/// </summary>
/// <remarks>
/// Differences are fp32, squares and sums double. An element is added to the lane that its place in the strip says, lanes in their order
/// at the strip's end, strips in theirs: whatever the machine's vectors, the bytes are the same.
/// </remarks>
internal sealed class PairwiseDistances : TensorSource
{
    /// <summary>Of two vectors of 512 bits, or of four of 256 that take turns.</summary>
    public const int Lanes = 32;

    private readonly AlignedSources _sources;
    private readonly int[] _tensors;

    public PairwiseDistances(IReadOnlyList<TensorSource> sources)
    {
        _sources = new AlignedSources(sources);
        _tensors = [.. Enumerable.Range(0, _sources.Manifest.Count).Where(tensor => _sources.Manifest[tensor].Spec.DType.IsTrainable())];
        var encoding = new PairEncoding(sources.Count * (sources.Count - 1) / 2);
        Manifest = new TensorManifest(_tensors.Select(tensor => new TensorEntry(_sources.Manifest[tensor].Spec, encoding)));
    }

    public override TensorManifest Manifest { get; }

    /// <summary>The squared distances of all pairs, over all tensors.</summary>
    /// <returns>Square and symmetric, zero on the diagonal.</returns>
    public double[,] Sum(int threads, CancellationToken cancellationToken)
    {
        double[,] distances = new double[_sources.Count, _sources.Count];
        ParallelTiles.ForEachInOrder(this, threads, (_, bytes) => Add(MemoryMarshal.Cast<byte, double>(bytes), distances), cancellationToken);
        return distances;
    }

    public override void Read(Tile tile, int offset, Span<byte> destination)
    {
        Tile beneath = tile with { Tensor = _tensors[tile.Tensor] };
        int elements = Manifest[tile.Tensor].Spec.TileElements(tile.Index);
        int length = Math.Min(elements, Strips.ElementsFor(_sources.Count));
        using NativeBuffer buffer = NativeBuffer.RentFloats(Strips.FloatsOf(_sources.Count, length));
        Span<double> sums = MemoryMarshal.Cast<byte, double>(destination);
        sums.Clear();
        for (int start = 0; start < elements; start += length)
        {
            var strips = new Strips(buffer.Floats, _sources.Count, Math.Min(length, elements - start));
            for (int source = 0; source < strips.Count; source++)
            {
                _sources.ReadFloats(source, beneath, start, strips[source]);
            }

            int pair = 0;
            for (int one = 0; one < strips.Count; one++)
            {
                for (int other = one + 1; other < strips.Count; other++)
                {
                    sums[pair++] += SquaredDistance(strips[one], strips[other]);
                }
            }
        }
    }

    /// <summary>The squared distance of two strips.</summary>
    internal static double SquaredDistance(ReadOnlySpan<float> one, ReadOnlySpan<float> other)
    {
        Span<double> lanes = stackalloc double[Lanes];
        int whole = one.Length / Lanes * Lanes;
        ref float first = ref MemoryMarshal.GetReference(one);
        ref float second = ref MemoryMarshal.GetReference(other);
        for (int lane = 0; lane < Lanes; lane += 2 * Vector<float>.Count)
        {
            Vector<double> a = default, b = default, c = default, d = default;
            for (int i = lane; i < whole; i += Lanes)
            {
                AddSquares(ref first, ref second, i, ref a, ref b);
                AddSquares(ref first, ref second, i + Vector<float>.Count, ref c, ref d);
            }

            a.CopyTo(lanes[lane..]);
            b.CopyTo(lanes[(lane + Vector<double>.Count)..]);
            c.CopyTo(lanes[(lane + (2 * Vector<double>.Count))..]);
            d.CopyTo(lanes[(lane + (3 * Vector<double>.Count))..]);
        }

        for (int i = whole; i < one.Length; i++)
        {
            double difference = one[i] - other[i];
            lanes[i - whole] += difference * difference;
        }

        double sum = 0;
        foreach (double lane in lanes)
        {
            sum += lane;
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddSquares(ref float one, ref float other, int at, ref Vector<double> lower, ref Vector<double> upper)
    {
        Vector.Widen(Vector.LoadUnsafe(ref one, (nuint)at) - Vector.LoadUnsafe(ref other, (nuint)at), out Vector<double> low, out Vector<double> high);
        lower += low * low;
        upper += high * high;
    }

    private static void Add(ReadOnlySpan<double> pairs, double[,] distances)
    {
        int pair = 0;
        for (int one = 0; one < distances.GetLength(0); one++)
        {
            for (int other = one + 1; other < distances.GetLength(0); other++)
            {
                distances[one, other] += pairs[pair++];
                distances[other, one] = distances[one, other];
            }
        }
    }

    /// <summary>One double for each pair, however many elements the tile has.</summary>
    private sealed class PairEncoding(int pairs) : TileEncoding
    {
        public override string Name => "pairwise distances";

        public override int ByteLength(DType dtype, int elements) => checked(pairs * sizeof(double));
    }
}
