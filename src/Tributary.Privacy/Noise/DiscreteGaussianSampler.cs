using Tributary.Tensors;

namespace Tributary.Privacy.Noise;

/// <summary>
/// Discrete Gaussian integers, one for each element of a tensor, that depend on a key, the tensor's name and the element's place alone: any run of them can be
/// made at any time, in any order, by any thread, and is the same on any machine. Each element has blocks of the stream of its own, so that rejection does not
/// move the others. The time that it takes depends on what is drawn; who can measure it for single elements learns of the noise.
/// </summary>
public sealed class DiscreteGaussianSampler
{
    // Elements are as far apart as no sampling ever reaches.
    private const int ElementBlocksLog = 64;

    // What most elements need; others fetch more.
    private const int ReadyBlocks = 4;
    private const int ReadyBytes = ReadyBlocks * NoiseStream.BlockBytes;
    private const int ElementsPerRun = 64;

    private readonly NoiseStream _stream;
    private readonly DiscreteGaussian _distribution;

    /// <summary>The integers of a tensor.</summary>
    /// <param name="key">The round's key.</param>
    /// <param name="tensor">The tensor's name.</param>
    /// <param name="distribution">What they are drawn from.</param>
    public DiscreteGaussianSampler(NoiseKey key, string tensor, DiscreteGaussian distribution) =>
        (_stream, _distribution) = (new NoiseStream(key, "discrete gaussian", tensor), distribution);

    /// <summary>Fills a run of elements.</summary>
    /// <param name="first">The place of the first in its tensor.</param>
    /// <param name="values">Receives the integers.</param>
    public void Fill(long first, Span<long> values)
    {
        using NoiseStream.Reader reader = _stream.Open();
        using NativeBuffer buffer = NativeBuffer.Rent((ElementsPerRun + 1) * ReadyBytes);
        Span<byte> spare = buffer.Bytes[(ElementsPerRun * ReadyBytes)..];
        for (int start = 0; start < values.Length; start += ElementsPerRun)
        {
            int count = Math.Min(ElementsPerRun, values.Length - start);
            Span<byte> ready = buffer.Bytes[..(count * ReadyBytes)];
            UInt128 block = (UInt128)(first + start) << ElementBlocksLog;
            reader.FillRuns(block, UInt128.One << ElementBlocksLog, ReadyBlocks, ready);
            for (int i = 0; i < count; i++)
            {
                var bits = new RandomBits(reader, block + ((UInt128)i << ElementBlocksLog), ready.Slice(i * ReadyBytes, ReadyBytes), spare);
                values[start + i] = _distribution.Draw(ref bits);
            }
        }
    }
}
