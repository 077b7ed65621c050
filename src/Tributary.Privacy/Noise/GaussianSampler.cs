using System.Runtime.InteropServices;
using Tributary.Tensors;

namespace Tributary.Privacy.Noise;

/// <summary>
/// Standard normal numbers, one for each element of a tensor, that depend on a key, the tensor's name and the element's place alone: any run of them can be made
/// at any time, in any order, by any thread. The same bits on any machine.
/// </summary>
/// <remarks>
/// Box and Muller 1958: of two uniforms of 63 bits come two independent normals, sqrt(-2 log u) times cosine and sine of 2 pi v (<see cref="BoxMuller"/>); they reach out to 9.3 deviations.
/// In double precision, so these are not exactly normal: see docs/PRIVACY.md for what that may tell, and <see cref="DiscreteGaussianSampler"/> for noise that is exact.
/// </remarks>
public sealed class GaussianSampler
{
    /// <summary>The elements that are made together: the first half of them are cosines, the second half the sines of the same pairs.</summary>
    public const int GroupElements = 1024;

    private const int Pairs = GroupElements / 2;
    private const int GroupsMax = 8;
    private const int BlocksPerGroup = Pairs;
    private const double Ulp = 1.0 / (1UL << 63);

    private readonly NoiseStream _stream;

    /// <summary>The numbers of a tensor.</summary>
    /// <param name="key">The round's key.</param>
    /// <param name="tensor">The tensor's name.</param>
    public GaussianSampler(NoiseKey key, string tensor) => _stream = new NoiseStream(key, "gaussian", tensor);

    /// <summary>Fills a run of elements.</summary>
    /// <param name="first">The place of the first in its tensor.</param>
    /// <param name="values">Receives the numbers.</param>
    public void Fill(long first, Span<double> values)
    {
        using NoiseStream.Reader reader = _stream.Open();
        using NativeBuffer buffer = NativeBuffer.Rent(GroupsMax * Pairs * 4 * sizeof(double));
        var scratch = new Scratch(MemoryMarshal.Cast<byte, double>(buffer.Bytes));
        while (!values.IsEmpty)
        {
            long group = first / GroupElements;
            int skip = (int)(first % GroupElements);
            int groups = (int)Math.Min(GroupsMax, ((long)skip + values.Length + GroupElements - 1) / GroupElements);
            Span<double> made = Make(reader, group, groups, scratch);
            int count = Math.Min(values.Length, made.Length - skip);
            made.Slice(skip, count).CopyTo(values);
            values = values[count..];
            first += count;
        }
    }

    private static Span<double> Make(NoiseStream.Reader reader, long group, int groups, Scratch scratch)
    {
        int pairs = groups * Pairs;
        Span<double> radii = scratch.Radii[..pairs];
        Span<double> angles = scratch.Angles[..pairs];
        // The random bytes lie where the numbers will: they are used up before.
        Span<double> result = scratch.Result[..(2 * pairs)];
        reader.Fill((UInt128)group * BlocksPerGroup, MemoryMarshal.AsBytes(result));
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<double, ulong>(result);
        for (int pair = 0; pair < pairs; pair++)
        {
            // Never 0, whose logarithm is infinite.
            radii[pair] = ((long)(words[2 * pair] >> 1) * Ulp) + Ulp;
            angles[pair] = (long)(words[(2 * pair) + 1] >> 1) * (4 * Ulp);
        }

        for (int i = 0; i < groups; i++)
        {
            Span<double> to = result.Slice(i * GroupElements, GroupElements);
            BoxMuller.Transform(radii.Slice(i * Pairs, Pairs), angles.Slice(i * Pairs, Pairs), to[..Pairs], to[Pairs..]);
        }

        return result;
    }

    private readonly ref struct Scratch(Span<double> all)
    {
        private const int Each = GroupsMax * Pairs;
        private readonly Span<double> _all = all;

        public Span<double> Radii => _all[..Each];

        public Span<double> Angles => _all.Slice(Each, Each);

        public Span<double> Result => _all.Slice(2 * Each, 2 * Each);
    }
}
