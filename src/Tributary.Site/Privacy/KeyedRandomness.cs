using System.Globalization;
using System.Runtime.InteropServices;
using Tributary.Privacy.Noise;
using Tributary.Tensors;
using Tributary.Training;

namespace Tributary.Site.Privacy;

/// <summary>Chances and noise of a round's private training, from its key: which records a step sees is as secret as the noise.</summary>
/// <param name="key">The round's key.</param>
internal sealed class KeyedRandomness(NoiseKey key) : PrivateRandomness
{
    private const double Unit = 1.0 / (1UL << 53);

    // A tensor's noise is read in runs, one after the other.
    private (string Name, GaussianSampler Sampler)? _latest;

    public override void Uniform(long step, Span<double> values)
    {
        int blocks = ((values.Length * sizeof(ulong)) + NoiseStream.BlockBytes - 1) / NoiseStream.BlockBytes;
        using NativeBuffer buffer = NativeBuffer.Rent(Math.Max(1, blocks) * NoiseStream.BlockBytes);
        new NoiseStream(key, "sampling", step.ToString(CultureInfo.InvariantCulture)).Fill(0, buffer.Bytes[..(blocks * NoiseStream.BlockBytes)]);
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(buffer.Bytes);
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = (words[i] >> 11) * Unit;
        }
    }

    public override void Gaussian(long step, string tensor, long first, Span<double> values)
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"{step}/{tensor}");
        (string Name, GaussianSampler Sampler)? latest = _latest;
        if (latest?.Name != name)
        {
            _latest = latest = (name, new GaussianSampler(key, name));
        }

        latest!.Value.Sampler.Fill(first, values);
    }
}
