using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Tributary.Privacy.Noise;
using Tributary.Privacy.SecureAggregation;
using Tributary.Tensors;

namespace Tributary.Privacy.Rings;

/// <summary>
/// Floats as integers of a ring, rounded when a tile is read, each by the same chance every time; with discrete Gaussian noise on each integer where the ring has room for it.
/// </summary>
internal sealed class RingSource : TensorSource
{
    private const int StripElements = 1 << 14;

    private readonly TensorSource _source;
    private readonly RingGrid _grid;
    private readonly float _share;
    private readonly StochasticRounding[] _rounding;
    private readonly DiscreteGaussianSampler[]? _noise;

    /// <param name="source">Dense floats.</param>
    /// <param name="grid">The ring.</param>
    /// <param name="key">Of the chances, and of the noise.</param>
    /// <param name="noise">The noise on each integer; null for none.</param>
    /// <param name="share">What values are scaled by before they are rounded, from 0 to 1.</param>
    /// <exception cref="TensorFormatException">A tensor is not of floats.</exception>
    public RingSource(TensorSource source, RingGrid grid, NoiseKey key, DiscreteGaussian? noise, float share = 1)
    {
        if (source.Manifest.FirstOrDefault(entry => !entry.IsDense || !entry.Spec.DType.IsTrainable()) is { } other)
        {
            throw new TensorFormatException($"tensor '{other.Spec.Name}' is {other.Spec.DType.Name()} in {other.Encoding.Name} tiles, and only floats become integers of a ring; freeze it in the job ('train: {{ freeze: ... }}')");
        }

        (_source, _grid, _share) = (source, grid, share);
        Manifest = new TensorManifest(source.Manifest.Select(entry => new TensorEntry(entry.Spec with { DType = DType.U32 })));
        _rounding = [.. source.Manifest.Select(entry => new StochasticRounding(key, entry.Spec.Name, grid))];
        _noise = noise is null ? null : [.. source.Manifest.Select(entry => new DiscreteGaussianSampler(key, entry.Spec.Name, noise))];
    }

    public override TensorManifest Manifest { get; }

    public override void Read(Tile tile, int offset, Span<byte> destination)
    {
        Span<uint> elements = MemoryMarshal.Cast<byte, uint>(destination);
        int length = Math.Min(elements.Length, StripElements);
        using NativeBuffer floats = NativeBuffer.RentFloats(length);
        using NativeBuffer noise = NativeBuffer.Rent(_noise is null ? sizeof(long) : length * sizeof(long));
        long place = RingIntegers.PlaceOf(tile, offset);
        for (int start = 0; start < elements.Length; start += length)
        {
            Span<uint> strip = elements[start..Math.Min(elements.Length, start + length)];
            Span<float> values = floats.Floats[..strip.Length];
            _source.ReadFloats(tile, (offset / sizeof(uint)) + start, values);
            if (_share != 1)
            {
                TensorPrimitives.Multiply(values, _share, values);
            }

            _ = _rounding[tile.Tensor].Round(place + start, values, strip);
            if (_noise is not null)
            {
                Span<long> drawn = MemoryMarshal.Cast<byte, long>(noise.Bytes)[..strip.Length];
                _noise[tile.Tensor].Fill(place + start, drawn);
                for (int i = 0; i < strip.Length; i++)
                {
                    strip[i] = (strip[i] + (uint)drawn[i]) & _grid.Mask;
                }
            }
        }
    }
}
