using System.Runtime.InteropServices;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;
using Tributary.TestKit;

namespace Tributary.Codecs.Tests;

public sealed class SourceTests
{
    private const int SeveralTiles = Tile.ElementsMax + 5000;

    public static TheoryData<string> All => [.. Precision.All.Select(codec => codec.Name)];

    [Theory]
    [MemberData(nameof(All))]
    public void A_tensor_of_several_tiles_comes_back_as_each_tile_decoded_alone(string precision)
    {
        Codec codec = Precision.Parse(precision);
        using var dense = new MemorySource(MemorySource.Gaussian("w", DType.F32, [SeveralTiles], seed: 3));
        using var quantized = new QuantizedSource(dense, codec);
        using var back = new DequantizedSource(quantized);
        float[] values = dense.ReadFloats("w");
        float[] expected = [.. Encoded.Of(codec, values.AsSpan(0, Tile.ElementsMax)).Decode(), .. Encoded.Of(codec, values.AsSpan(Tile.ElementsMax)).Decode()];
        back.ReadFloats("w").AsSpan().SequenceEqual(expected).ShouldBeTrue();
        quantized.Manifest[0].Spec.ShouldBe(dense.Manifest[0].Spec);
        back.Manifest[0].IsDense.ShouldBeTrue();
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_strip_read_alone_is_what_it_is_in_its_tile(string precision)
    {
        using var dense = new MemorySource(MemorySource.Gaussian("w", DType.BF16, [SeveralTiles], seed: 4));
        using var quantized = new QuantizedSource(dense, Precision.Parse(precision));
        using var back = new DequantizedSource(quantized);
        byte[] whole = back.ReadTensor("w");
        byte[] strip = new byte[2 * 904];
        back.Read(new Tile(0, 1), 2 * 4096, strip);
        strip.ShouldBe(whole[^strip.Length..]);
        byte[] middle = new byte[2 * 8192];
        back.Read(new Tile(0, 0), 2 * 20480, middle);
        middle.ShouldBe(whole[(2 * 20480)..(2 * 28672)]);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_part_of_an_encoded_tile_is_the_same_bytes_as_in_the_whole(string precision)
    {
        using var dense = new MemorySource(MemorySource.Gaussian("w", DType.F32, [3333, 77], seed: 5));
        using var quantized = new QuantizedSource(dense, Precision.Parse(precision));
        byte[] whole = quantized.ReadTensor("w");
        byte[] part = new byte[1000];
        quantized.Read(new Tile(0, 0), 501, part);
        part.ShouldBe(whole[501..1501]);
    }

    [Theory]
    [InlineData(DType.F16)]
    [InlineData(DType.BF16)]
    public void Sixteen_bit_tensors_are_encoded_from_and_decoded_to_their_own_type(DType dtype)
    {
        using var dense = new MemorySource(MemorySource.Gaussian("w", dtype, [10001], seed: 6));
        float[] values = dense.ReadFloats("w");
        foreach (Codec codec in Precision.All.Where(codec => codec.Encodes(dtype)))
        {
            using var quantized = new QuantizedSource(dense, codec);
            using var back = new DequantizedSource(quantized);
            Encoded expected = Encoded.Of(codec, values);
            quantized.ReadTensor("w").ShouldBe([.. expected.ScaleBytes, .. expected.CodeBytes]);
            byte[] narrowed = new byte[2 * values.Length];
            DenseFloats.Narrow(expected.Decode(), dtype, narrowed);
            back.ReadTensor("w").ShouldBe(narrowed);
            back.Manifest[0].Spec.DType.ShouldBe(dtype);
        }
    }

    [Fact]
    public void Tensors_that_are_not_trained_and_those_that_would_not_get_narrower_pass_through()
    {
        byte[] counts = MemoryMarshal.AsBytes<long>(new long[] { 1, -2, 3 }).ToArray();
        using var dense = new MemorySource(
            (new TensorSpec("steps", DType.I64, new TensorShape(3)), counts),
            MemorySource.Gaussian("half", DType.BF16, [100], seed: 7),
            MemorySource.Gaussian("w", DType.F32, [100], seed: 8));
        using var quantized = new QuantizedSource(dense, Precision.Fp16);
        quantized.Manifest[0].IsDense.ShouldBeTrue();
        quantized.Manifest[1].IsDense.ShouldBeTrue();
        quantized.Manifest[2].Encoding.ShouldBeSameAs(Precision.Fp16);
        quantized.ReadTensor("steps").ShouldBe(counts);
        using var back = new DequantizedSource(quantized);
        back.ReadTensor("steps").ShouldBe(counts);
        back.ReadTensor("half").ShouldBe(dense.ReadTensor("half"));
    }

    [Fact]
    public void An_empty_tensor_takes_no_bytes_and_a_scalar_is_a_block()
    {
        // Seven eighths are a level in every precision.
        using var dense = new MemorySource(MemorySource.F32("none", [0, 5]), MemorySource.F32("scale", [], 0.875f));
        foreach (Codec codec in Precision.All)
        {
            using var quantized = new QuantizedSource(dense, codec);
            using var back = new DequantizedSource(quantized);
            quantized.Manifest[0].ByteLength.ShouldBe(0);
            back.ReadFloats("none").ShouldBeEmpty();
            back.ReadFloats("scale").ShouldBe([0.875f], codec.Name);
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void A_value_that_is_not_finite_is_refused_with_the_tensor_and_the_element(float bad)
    {
        float[] values = new float[SeveralTiles];
        values[Tile.ElementsMax + 4321] = bad;
        using var dense = new MemorySource(MemorySource.F32("fine", [2], 1, 2), MemorySource.F32("layer.7.weight", [SeveralTiles], values));
        foreach (Codec codec in Precision.All)
        {
            using var quantized = new QuantizedSource(dense, codec);
            string message = Should.Throw<TensorFormatException>(() => quantized.ReadTensor("layer.7.weight")).Message;
            message.ShouldContain("'layer.7.weight'");
            message.ShouldContain((Tile.ElementsMax + 4321).ToString());
        }
    }

    [Theory]
    [InlineData(DType.F16)]
    [InlineData(DType.BF16)]
    public void A_16_bit_value_that_is_not_finite_is_refused_even_where_it_passes_through(DType dtype)
    {
        byte[] bytes = new byte[200];
        BitConverter.TryWriteBytes(bytes.AsSpan(2 * 77), dtype == DType.F16 ? BitConverter.HalfToUInt16Bits(Half.NaN) : (ushort)0x7F80);
        using var dense = new MemorySource((new TensorSpec("w", dtype, new TensorShape(100)), bytes));
        foreach (Codec codec in Precision.All)
        {
            using var quantized = new QuantizedSource(dense, codec);
            Should.Throw<TensorFormatException>(() => quantized.ReadTensor("w")).Message.ShouldContain("at element 77");
        }
    }

    [Fact]
    public void A_quantized_source_written_as_a_file_is_valid_safetensors()
    {
        using var dense = new MemorySource(
            MemorySource.Gaussian("w", DType.F32, [100, 7], seed: 9), MemorySource.Gaussian("b", DType.BF16, [7], seed: 10));
        using var folder = new TempFolder();
        foreach (Codec codec in Precision.All)
        {
            using var quantized = new QuantizedSource(dense, codec);
            new SafetensorsWriter(quantized).WriteFile(folder[codec.Name], TestContext.Current.CancellationToken);
            using SafetensorsFile file = SafetensorsFile.Open(folder[codec.Name]);
            file.ReadTensor("w").ShouldBe(quantized.ReadTensor("w"));
            file.ReadTensor("b").ShouldBe(quantized.ReadTensor("b"));
        }
    }

    [Fact]
    public void Encoding_twice_is_refused_with_the_tensors_name()
    {
        using var dense = new MemorySource(MemorySource.F32("w", [3], 1, 2, 3));
        using var quantized = new QuantizedSource(dense, Precision.Nf4);
        Should.Throw<ArgumentException>(() => new QuantizedSource(quantized, Precision.Int8)).Message.ShouldContain("'w' is already encoded as nf4");
    }

    [Fact]
    public void A_range_that_is_no_strip_is_refused()
    {
        using var dense = new MemorySource(MemorySource.Gaussian("w", DType.F32, [9000], seed: 11));
        using var quantized = new QuantizedSource(dense, Precision.Nf4);
        using var back = new DequantizedSource(quantized);
        Should.Throw<ArgumentException>(() => back.Read(new Tile(0, 0), 64 * 4, new byte[256])).Message.ShouldContain("4096");
    }
}
