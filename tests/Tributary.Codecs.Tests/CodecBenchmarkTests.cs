using Tributary.Codecs.Benchmarks;
using Tributary.Tensors;

namespace Tributary.Codecs.Tests;

public sealed class CodecBenchmarkTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Every_precision_that_encodes_is_measured_beside_a_copy(int threads)
    {
        using var benchmark = new CodecBenchmark(TimeProvider.System, tiles: 4, repeats: 1);
        CodecBenchmarkResult result = benchmark.Run(threads);
        result.Threads.ShouldBe(threads);
        result.CopyBytesPerSecond.ShouldBePositive();
        result.Codecs.Select(codec => codec.Precision).ShouldBe(Precision.All.Where(codec => codec.Encodes(DType.F32)).Select(codec => codec.Name));
        foreach (CodecSpeed codec in result.Codecs)
        {
            result.EncodeRatio(codec).ShouldBePositive();
            result.DecodeRatio(codec).ShouldBePositive();
        }
    }
}
