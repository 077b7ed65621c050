using BenchmarkDotNet.Attributes;
using Tributary.Codecs;
using Tributary.Tensors;

namespace Tributary.Benchmarks;

/// <summary>One tile of each precision, in the caches: what the kernels cost by themselves. <c>tributary bench codecs</c> measures from memory.</summary>
[ShortRunJob]
[MemoryDiagnoser(displayGenColumns: false)]
public class CodecKernels : IDisposable
{
    private readonly NativeBuffer _values = NativeBuffer.RentFloats(Tile.ElementsMax);
    private readonly NativeBuffer _encoded = NativeBuffer.RentFloats(Tile.ElementsMax);
    private Codec _codec = Tributary.Codecs.Precision.Nf4;

    /// <summary>The precisions that encode fp32.</summary>
    public static IEnumerable<string> Names => Tributary.Codecs.Precision.All.Where(codec => codec.Encodes(DType.F32)).Select(codec => codec.Name);

    [ParamsSource(nameof(Names))]
    public string Precision { get; set; } = "nf4";

    [GlobalSetup]
    public void Setup()
    {
        _codec = Tributary.Codecs.Precision.Parse(Precision);
        var random = new Random(1);
        foreach (ref float value in _values.Floats)
        {
            value = (float)(random.NextDouble() + random.NextDouble() - 1);
        }

        Encode();
    }

    [Benchmark]
    public void Encode()
    {
        int scales = _codec.ScaleBytes(Tile.ElementsMax);
        _codec.Encode(_values.Floats, _encoded.Bytes[..scales], _encoded.Bytes.Slice(scales, _codec.CodeBytes(Tile.ElementsMax)));
    }

    [Benchmark]
    public void Decode()
    {
        int scales = _codec.ScaleBytes(Tile.ElementsMax);
        _codec.Decode(_encoded.Bytes[..scales], _encoded.Bytes.Slice(scales, _codec.CodeBytes(Tile.ElementsMax)), _values.Floats);
    }

    [GlobalCleanup]
    public void Dispose()
    {
        ((IDisposable)_values).Dispose();
        ((IDisposable)_encoded).Dispose();
        GC.SuppressFinalize(this);
    }
}
