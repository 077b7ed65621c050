using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Tributary.Tensors;

namespace Tributary.Federation.Aggregation;

/// <summary>
/// The weighted mean of N dense sources as a source: each strip is read from all of them and reduced, so memory does not grow with the
/// model. The first source's manifest and order are the result's; its floats are F32. FedAvg's aggregation (McMahan et al. 2017, algorithm 1).
/// </summary>
/// <remarks>
/// Products and sums are fp32, taken in the order of the sources (callers sort by site), never fused, so that the result is the same
/// bytes on any machine. Tensors that are not floats are the first source's.
/// </remarks>
public sealed class WeightedMean : TensorSource
{
    private readonly AlignedSources _sources;
    private readonly float[] _weights;

    // 256 KiB of floats: sum and values stay in a core's own cache, however many updates there are.
    private const int StripElements = 1 << 16;

    /// <summary>Makes the mean.</summary>
    /// <param name="updates">The sources with their weights; a weight is above zero, such as a number of samples.</param>
    /// <param name="total">What the weights are shares of; null for their sum.</param>
    /// <exception cref="TensorFormatException">The sources do not hold the same tensors.</exception>
    public WeightedMean(IReadOnlyList<(TensorSource Source, double Weight)> updates, double? total = null)
    {
        ArgumentOutOfRangeException.ThrowIfZero(updates.Count);
        double whole = total ?? updates.Sum(update => update.Weight);
        if (updates.Any(update => !(update.Weight > 0)) || !double.IsFinite(whole))
        {
            throw new ArgumentException("Every weight should be a finite number above zero.", nameof(updates));
        }

        _sources = new AlignedSources([.. updates.Select(update => update.Source)]);
        _weights = [.. updates.Select(update => (float)(update.Weight / whole))];
    }

    /// <inheritdoc/>
    public override TensorManifest Manifest => _sources.Manifest;

    /// <inheritdoc/>
    public override void Read(Tile tile, int offset, Span<byte> destination)
    {
        if (!Manifest[tile.Tensor].Spec.DType.IsTrainable())
        {
            _sources.ReadOther(tile, offset, destination);
            return;
        }

        Span<float> sum = MemoryMarshal.Cast<byte, float>(destination);
        using NativeBuffer values = NativeBuffer.RentFloats(Math.Min(sum.Length, StripElements));
        for (int start = 0; start < sum.Length; start += StripElements)
        {
            Span<float> strip = sum[start..Math.Min(sum.Length, start + StripElements)];
            Sum(tile, (offset / sizeof(float)) + start, strip, values.Floats[..strip.Length]);
        }
    }

    /// <summary>Sums a strip of all updates, in the order of the sites.</summary>
    private void Sum(Tile tile, int start, Span<float> sum, Span<float> values)
    {
        _sources.ReadUnchecked(0, tile, start, sum);
        TensorPrimitives.Multiply(sum, _weights[0], sum);
        for (int i = 1; i < _sources.Count; i++)
        {
            _sources.ReadUnchecked(i, tile, start, values);
            TensorPrimitives.MultiplyAdd(values, _weights[i], sum, sum);
        }

        // A value that is not finite makes a sum that is none, so looking at the sums is enough until there is one to blame.
        if (!TensorPrimitives.IsFiniteAll(sum))
        {
            for (int i = 0; i < _sources.Count; i++)
            {
                _sources.ReadFloats(i, tile, start, values);
            }

            throw new TensorFormatException($"tensor '{Manifest[tile.Tensor].Spec.Name}': the updates are too large to be summed in fp32");
        }
    }
}
