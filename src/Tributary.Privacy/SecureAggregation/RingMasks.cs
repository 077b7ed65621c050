using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Tributary.Privacy.Noise;
using Tributary.Privacy.Rings;
using Tributary.Tensors;

namespace Tributary.Privacy.SecureAggregation;

/// <summary>A mask: the elements of a stream, to be added or subtracted.</summary>
internal readonly record struct MaskTerm(NoiseKey Seed, bool Subtract)
{
    /// <summary>What a site does with the mask between it and a neighbour: the pair's first name adds it, the other subtracts it.</summary>
    public static MaskTerm OfPair(NoiseKey seed, string site, string neighbour) => new(seed, string.CompareOrdinal(site, neighbour) > 0);

    /// <summary>What takes it off again.</summary>
    public MaskTerm Inverse => this with { Subtract = !Subtract };
}

/// <summary>
/// The sum of several masks, uniform modulo 2^k, made where it is needed: it depends on the seeds, a tensor's name and an element's place alone. An element takes
/// 1, 2 or 4 bytes of each stream, as few as have k bits; masks are added up at that width, at which a core adds most at once.
/// </summary>
internal sealed class RingMasks
{
    // So many that preparing a stream's cipher is little beside them, so few that all buffers stay in a core's own cache.
    private const int StreamBytes = 1 << 16;

    private readonly RingGrid _grid;
    private readonly bool[] _subtract;
    private readonly NoiseStream[][] _streams;

    public RingMasks(RingGrid grid, TensorManifest manifest, IReadOnlyCollection<MaskTerm> terms)
    {
        _grid = grid;
        _subtract = [.. terms.Select(term => term.Subtract)];
        _streams = [.. manifest.Select(entry => terms.Select(term => new NoiseStream(term.Seed, "mask", entry.Spec.Name)).ToArray())];
    }

    /// <summary>Adds them to a run of ring elements, which begins at a place of a tensor.</summary>
    public void AddTo(int tensor, long first, Span<uint> elements)
    {
        switch (_grid.Bits)
        {
            case <= 8:
                AddTo<byte>(_streams[tensor], first, elements);
                break;
            case <= 16:
                AddTo<ushort>(_streams[tensor], first, elements);
                break;
            default:
                AddTo<uint>(_streams[tensor], first, elements);
                break;
        }
    }

    private unsafe void AddTo<T>(NoiseStream[] streams, long first, Span<uint> elements)
        where T : unmanaged, IBinaryInteger<T>
    {
        int perBlock = NoiseStream.BlockBytes / sizeof(T);
        int length = Math.Min(StreamBytes / sizeof(T), elements.Length);
        using NativeBuffer stream = NativeBuffer.Rent((length * sizeof(T)) + (2 * NoiseStream.BlockBytes));
        using NativeBuffer numbered = NativeBuffer.Rent(stream.Bytes.Length);
        using NativeBuffer sums = NativeBuffer.Rent(length * sizeof(T));
        using NativeBuffer wide = NativeBuffer.Rent(length * sizeof(uint));
        for (int start = 0; start < elements.Length; start += length)
        {
            int count = Math.Min(length, elements.Length - start);
            long place = first + start;
            int skip = (int)(place % perBlock);
            Span<byte> bytes = stream.Bytes[..((skip + count + perBlock - 1) / perBlock * NoiseStream.BlockBytes)];
            ReadOnlySpan<T> mask = MemoryMarshal.Cast<byte, T>(bytes).Slice(skip, count);
            Span<T> sum = MemoryMarshal.Cast<byte, T>(sums.Bytes)[..count];
            sum.Clear();
            Span<byte> numbers = numbered.Bytes[..bytes.Length];
            NoiseStream.Number((UInt128)(place / perBlock), numbers);
            for (int i = 0; i < streams.Length; i++)
            {
                streams[i].Encrypt(numbers, bytes);
                if (_subtract[i])
                {
                    TensorPrimitives.Subtract(sum, mask, sum);
                }
                else
                {
                    TensorPrimitives.Add(sum, mask, sum);
                }
            }

            Span<uint> sumWide = MemoryMarshal.Cast<byte, uint>(wide.Bytes)[..count];
            TensorPrimitives.ConvertTruncating<T, uint>(sum, sumWide);
            _grid.Add(elements.Slice(start, count), sumWide);
        }
    }
}
