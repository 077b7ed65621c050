using BenchmarkDotNet.Attributes;
using Tributary.Federation.Aggregation;
using Tributary.Tensors;

namespace Tributary.Benchmarks;

/// <summary>One tile of fp32 updates, from memory, on one core: what a merge costs beside reading and writing files.</summary>
[ShortRunJob]
[MemoryDiagnoser(displayGenColumns: false)]
public class ReducerKernels : IDisposable
{
    private readonly NativeBuffer _result = NativeBuffer.RentFloats(Tile.ElementsMax);
    private TensorSource[] _updates = [];
    private TensorSource _mean = null!;
    private TensorSource _median = null!;
    private TensorSource _trimmed = null!;

    [Params(6, 64)]
    public int Sites { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _updates = [.. Enumerable.Range(0, Sites).Select(site => new NoiseTile(site))];
        _mean = new WeightedMean([.. _updates.Select(update => (update, 1.0))]);
        _median = new CoordinateMedian(_updates);
        _trimmed = new TrimmedMean(_updates, 0.2);
    }

    [Benchmark(Baseline = true)]
    public void Copy()
    {
        foreach (TensorSource update in _updates)
        {
            update.Read(default, 0, _result.Bytes);
        }
    }

    [Benchmark]
    public void Mean() => _mean.Read(default, 0, _result.Bytes);

    [Benchmark]
    public void Median() => _median.Read(default, 0, _result.Bytes);

    [Benchmark]
    public void TrimmedMean() => _trimmed.Read(default, 0, _result.Bytes);

    [Benchmark]
    public int KrumChoice() => Krum.Choose(_updates, byzantine: 1, keep: 1, threads: 1, CancellationToken.None)[0];

    [GlobalCleanup]
    public void Dispose()
    {
        ((IDisposable)_result).Dispose();
        foreach (TensorSource update in _updates)
        {
            update.Dispose();
        }

        GC.SuppressFinalize(this);
    }
}
