using System.Runtime.InteropServices;
using BenchmarkDotNet.Attributes;
using Tributary.Privacy.Filters;
using Tributary.Privacy.Noise;
using Tributary.Tensors;

namespace Tributary.Benchmarks;

/// <summary>The noise of one tile, on one core: the stream beneath, floats, integers, and what a read of a noisy fp32 tile costs.</summary>
[ShortRunJob]
[MemoryDiagnoser(displayGenColumns: false)]
public class NoiseKernels : IDisposable
{
    private readonly NativeBuffer _bytes = NativeBuffer.Rent(Tile.ElementsMax * sizeof(double));
    private readonly NativeBuffer _tile = NativeBuffer.RentFloats(Tile.ElementsMax);
    private readonly NoiseStream _stream = new(NoiseKey.Create(), "benchmark", "w");
    private readonly GaussianSampler _gaussian = new(NoiseKey.Create(), "w");
    private readonly DiscreteGaussianSampler _narrow = new(NoiseKey.Create(), "w", new DiscreteGaussian(16));
    private readonly DiscreteGaussianSampler _wide = new(NoiseKey.Create(), "w", new DiscreteGaussian(1 << 20));
    private readonly TensorSource _source = new NoiseTile(0);
    private readonly TensorSource _noisy;

    public NoiseKernels() => _noisy = new GaussianNoiseFilter(NoiseKey.Create(), 0.1).Apply(_source);

    [Benchmark(Baseline = true)]
    public void Stream8MiB() => _stream.Fill(0, _bytes.Bytes);

    [Benchmark]
    public void Gaussian() => _gaussian.Fill(0, MemoryMarshal.Cast<byte, double>(_bytes.Bytes));

    [Benchmark]
    public void DiscreteGaussianOfSigma4() => _narrow.Fill(0, MemoryMarshal.Cast<byte, long>(_bytes.Bytes));

    [Benchmark]
    public void DiscreteGaussianOfSigma1024() => _wide.Fill(0, MemoryMarshal.Cast<byte, long>(_bytes.Bytes));

    [Benchmark]
    public void NoisyTile() => _noisy.Read(default, 0, _tile.Bytes);

    public void Dispose()
    {
        ((IDisposable)_bytes).Dispose();
        ((IDisposable)_tile).Dispose();
        _source.Dispose();
        _noisy.Dispose();
        GC.SuppressFinalize(this);
    }
}
