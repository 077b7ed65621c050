using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Tributary.Codecs.Blocks;
using Tributary.Codecs.Fitted;
using Tributary.Codecs.Levels;
using Tributary.Codecs.Quantizers;
using Tributary.Codecs.Sparse;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Codecs.Tests;

public sealed class KernelTests
{
    /// <summary>Where the test below leaves the digest of all it wrote, for the test that starts it in another process.</summary>
    private const string DigestVariable = "TRIBUTARY_TEST_DIGEST";

    private static readonly Lazy<Task<string>> AllSwitchedOn = new(() => DigestOfChild(switchedOff: null));

    [Fact]
    public void Every_kernel_writes_the_bytes_of_its_reference()
    {
        using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (float[] values in Inputs())
        {
            Compare<SixteenLevels<Nf4Levels>>(64, values, digest);
            Compare<SixteenLevels<Fp4Levels>>(64, values, digest);
            Compare<DynamicMap>(4096, values, digest);
            Compare<DynamicMap>(256, values, digest);
            Compare<Linear>(128, values, digest);
            CompareFitted<IntegerLevels>(values, digest);
            CompareFitted<FourLevels>(values, digest);
            CompareFitted<Signs>(values, digest);
            CompareSelection(values, digest);
            CompareNarrowing(values, digest);
        }

        if (Environment.GetEnvironmentVariable(DigestVariable) is { } path)
        {
            File.WriteAllText(path, Convert.ToHexString(digest.GetHashAndReset()));
        }
    }

    [Fact]
    public void Every_sixteen_bit_float_widens_as_its_scalar_does()
    {
        ushort[] all = [.. Enumerable.Range(0, 65536).Select(bits => (ushort)bits)];
        float[] values = new float[all.Length];
        DenseFloats.Widen(DType.F16, MemoryMarshal.AsBytes(all.AsSpan()), values);
        Bits(values).ShouldBe([.. all.Select(bits => BitConverter.SingleToUInt32Bits((float)BitConverter.UInt16BitsToHalf(bits)))]);
        DenseFloats.Widen(DType.BF16, MemoryMarshal.AsBytes(all.AsSpan()), values);
        Bits(values).ShouldBe([.. all.Select(bits => (uint)bits << 16)]);
    }

    [Fact]
    public void Infinity_and_NaN_narrow_as_the_scalar_does_wherever_they_stand()
    {
        float[] values = TestValues.Gaussian(100, seed: 9);
        (values[3], values[20], values[37], values[99]) = (float.NaN, float.PositiveInfinity, float.NegativeInfinity, -float.NaN);
        using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        CompareNarrowing(values, digest);
    }

    [Theory]
    [InlineData("DOTNET_EnableAVX512")]
    [InlineData("DOTNET_EnableAVX512v2")]
    [InlineData("DOTNET_EnableAVX2")]
    [InlineData("DOTNET_EnableAVX")]
    [InlineData("DOTNET_EnableSSE42")]
    [InlineData("DOTNET_EnableHWIntrinsic")]
    public async Task A_machine_without_an_instruction_set_writes_the_same_bytes(string switchedOff)
    {
        string digest = await DigestOfChild(switchedOff);
        digest.ShouldBe(await AllSwitchedOn.Value);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.NegativeInfinity)]
    public void A_value_that_is_not_finite_is_found_wherever_it_stands(float bad)
    {
        float[] values = TestValues.Gaussian(4096 + 64 + 5, seed: 1);
        for (int i = 0; i < values.Length; i += i is > 130 and < 4000 ? 97 : 1)
        {
            float good = values[i];
            values[i] = bad;
            foreach (Codec codec in Precision.All)
            {
                Should.Throw<TensorFormatException>(() => Encoded.Of(codec, values)).Message.ShouldContain($"at element {i};");
            }

            values[i] = good;
        }
    }

    [Fact]
    public void Encoding_and_decoding_a_tile_allocates_nothing()
    {
        float[] values = TestValues.Gaussian(Tile.ElementsMax, seed: 2);
        foreach (Codec codec in Precision.All)
        {
            byte[] scales = new byte[codec.ScaleBytes(values.Length)];
            byte[] codes = new byte[codec.CodeBytes(values.Length)];
            codec.Encode(values, scales, codes);
            codec.Decode(scales, codes, values);

            // What the runtime itself allocates once, as when it has compiled a method better, is not the codec's: an object in each call would be this much.
            const int Calls = 64;
            const int ObjectBytesMin = 24;
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int call = 0; call < Calls; call++)
            {
                codec.Encode(values, scales, codes);
                codec.Decode(scales, codes, values);
            }

            (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(Calls * ObjectBytesMin, codec.Name);
        }
    }

    private static void Compare<TQuantizer>(int blockElements, float[] values, IncrementalHash digest)
        where TQuantizer : IQuantizer
    {
        float[] scales = new float[(values.Length + blockElements - 1) / blockElements];
        byte[] codes = new byte[((values.Length * TQuantizer.CodeBits) + 7) / 8];
        float[] expectedScales = [.. scales];
        byte[] expectedCodes = [.. codes];
        BlockKernel<TQuantizer>.Encode(blockElements, values, scales, codes).ShouldBe(-1);
        BlockReference<TQuantizer>.Encode(blockElements, values, expectedScales, expectedCodes);
        string what = $"{typeof(TQuantizer)}, {values.Length} values from {values[0]:R}";
        Bits(scales).ShouldBe(Bits(expectedScales), what);
        codes.AsSpan().SequenceEqual(expectedCodes).ShouldBeTrue(what);

        float[] decoded = new float[values.Length];
        float[] expected = new float[values.Length];
        BlockKernel<TQuantizer>.Decode(blockElements, scales, codes, decoded);
        BlockReference<TQuantizer>.Decode(blockElements, scales, codes, expected);
        Bits(decoded).AsSpan().SequenceEqual(Bits(expected)).ShouldBeTrue(what);
        digest.AppendData(MemoryMarshal.AsBytes(scales.AsSpan()));
        digest.AppendData(codes);
        digest.AppendData(MemoryMarshal.AsBytes(decoded.AsSpan()));
    }

    private static void CompareFitted<TQuantizer>(float[] values, IncrementalHash digest)
        where TQuantizer : IFittedQuantizer
    {
        ushort[] scales = new ushort[(values.Length + TQuantizer.BlockElements - 1) / TQuantizer.BlockElements];
        byte[] codes = new byte[((values.Length * TQuantizer.CodeBits) + 7) / 8];
        ushort[] expectedScales = [.. scales];
        byte[] expectedCodes = [.. codes];
        FittedKernel<TQuantizer>.Encode(values, scales, codes).ShouldBe(-1);
        FittedReference<TQuantizer>.Encode(values, expectedScales, expectedCodes);
        string what = $"{typeof(TQuantizer)}, {values.Length} values from {values[0]:R}";
        scales.ShouldBe(expectedScales, what);
        codes.AsSpan().SequenceEqual(expectedCodes).ShouldBeTrue(what);

        float[] decoded = new float[values.Length];
        float[] expected = new float[values.Length];
        FittedKernel<TQuantizer>.Decode(scales, codes, decoded);
        FittedReference<TQuantizer>.Decode(scales, codes, expected);
        Bits(decoded).AsSpan().SequenceEqual(Bits(expected)).ShouldBeTrue(what);
        digest.AppendData(MemoryMarshal.AsBytes(scales.AsSpan()));
        digest.AppendData(codes);
        digest.AppendData(MemoryMarshal.AsBytes(decoded.AsSpan()));
    }

    private static void CompareSelection(float[] values, IncrementalHash digest)
    {
        foreach (int keptOf in new[] { 512, 64, 16, 4 })
        {
            foreach (float[] run in values.Chunk(TopKCodec.RunElements))
            {
                ushort[] positions = new ushort[(run.Length + keptOf - 1) / keptOf];
                ushort[] expected = [.. positions];
                int kept = TopKKernel.Select(run, positions);
                kept.ShouldBe(TopKReference.Select(run, expected));
                positions.ShouldBe(expected, $"one of {keptOf}, {run.Length} values from {run[0]:R}");
                digest.AppendData(MemoryMarshal.AsBytes(positions.AsSpan()));
            }

            Encoded encoded = Encoded.Of(new TopKCodec("topk", TopKCodec.RunElements / keptOf), values);
            digest.AppendData(encoded.ScaleBytes);
            digest.AppendData(encoded.CodeBytes);
            digest.AppendData(MemoryMarshal.AsBytes(encoded.Decode().AsSpan()));
        }
    }

    private static void CompareNarrowing(float[] values, IncrementalHash digest)
    {
        byte[] narrow = new byte[2 * values.Length];
        DenseFloats.Narrow(values, DType.F16, narrow);
        digest.AppendData(narrow);
        MemoryMarshal.Cast<byte, ushort>(narrow).ToArray()
            .ShouldBe([.. values.Select(value => BitConverter.HalfToUInt16Bits((Half)Math.Clamp(value, -65504, 65504)))]);
        DenseFloats.Narrow(values, DType.BF16, narrow);
        digest.AppendData(narrow);
        MemoryMarshal.Cast<byte, ushort>(narrow).ToArray().ShouldBe([.. values.Select(DenseFloats.ToBFloat16)]);
    }

    private static IEnumerable<float[]> Inputs()
    {
        foreach (int length in new[] { 1, 2, 15, 16, 17, 63, 64, 65, 127, 255, 256, 257, 4095, 4096, 4097, 12345 })
        {
            yield return TestValues.Gaussian(length, seed: length);
            yield return TestValues.HeavyTailed(length, seed: length);
        }

        yield return new float[9000];
        yield return TestValues.Gaussian(9001, seed: 1, scale: 1e-41);
        yield return TestValues.Gaussian(9001, seed: 2, scale: 1e-38);
        yield return TestValues.Gaussian(9001, seed: 3, scale: 5e37);
        yield return [.. TestValues.Gaussian(9001, seed: 4).Select(value => float.MaxValue * Math.Clamp(value, -1, 1))];
        yield return TestValues.AnyFinite(30000, seed: 5);
        yield return [.. TestValues.AnyFinite(30000, seed: 6).Select(value => MathF.Abs(value) < 1 ? value : 1 / value)];
        yield return [.. Enumerable.Range(0, 20000).Select(i => i % 97 == 0 ? -1f : i % 31 == 0 ? 1f : 0)];
        yield return [.. TestValues.Gaussian(9001, seed: 7).Select(value => MathF.Round(2 * value))];
        yield return [.. Enumerable.Range(0, 12288).Select(i => MathF.ScaleB(i % 2 == 0 ? 1 : -1, (i * 37 % 250) - 125))];
        yield return [.. Enumerable.Range(0, 4096).Select(i => i < 300 ? 1000f + i : 1f)];
        yield return Edges(Nf4Levels.Table.Midpoints, block: 64);
        yield return Edges(Fp4Levels.Table.Midpoints, block: 64);
        yield return Edges(DynamicLevels.Table.Midpoints, block: 64);
        yield return Edges([.. Enumerable.Range(0, 4096).Select(i => MathF.ScaleB(1 + (i % 64 / 64f), -(i / 64 % 24)) * (i < 2048 ? 1 : -1))], block: 64);
        yield return [.. Enumerable.Range(0, 3 * 65536).Select(i => BitConverter.UInt32BitsToSingle((uint)i << 15)).Where(float.IsFinite)];
        yield return [.. Enumerable.Range(0, 65536).SelectMany(HalfwayToNextHalf).Where(float.IsFinite)];
    }

    /// <summary>Each point and its neighbours, in blocks whose largest value is 1, so that scaling changes nothing.</summary>
    private static float[] Edges(ReadOnlySpan<float> points, int block) =>
        [.. points.ToArray().SelectMany(point => new[] { MathF.BitDecrement(point), point, MathF.BitIncrement(point) }).Where(point => MathF.Abs(point) <= 1)
            .Chunk(block - 1).SelectMany(part => (float[])[.. part, .. new float[block - 1 - part.Length], 1])];

    private static float[] HalfwayToNextHalf(int bits)
    {
        float value = (float)BitConverter.UInt16BitsToHalf((ushort)bits);
        float halfway = (value + (float)BitConverter.UInt16BitsToHalf((ushort)(bits + 1))) / 2;
        return [value, MathF.BitDecrement(halfway), halfway, MathF.BitIncrement(halfway)];
    }

    private static uint[] Bits(float[] values) => MemoryMarshal.Cast<float, uint>(values).ToArray();

    private static async Task<string> DigestOfChild(string? switchedOff)
    {
        using var folder = new TempFolder();
        CancellationToken cancel = TestContext.Current.CancellationToken;
        string program = Path.Combine(AppContext.BaseDirectory, "Tributary.Codecs.Tests" + (OperatingSystem.IsWindows() ? ".exe" : string.Empty));
        var start = new ProcessStartInfo(program, ["-method", $"{typeof(KernelTests).FullName}.{nameof(Every_kernel_writes_the_bytes_of_its_reference)}"])
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };
        start.Environment[DigestVariable] = folder["digest"];
        if (switchedOff is not null)
        {
            start.Environment[switchedOff] = "0";
        }

        using Process child = Process.Start(start)!;
        string output = await child.StandardOutput.ReadToEndAsync(cancel);
        await child.WaitForExitAsync(cancel);
        child.ExitCode.ShouldBe(0, output);
        return await File.ReadAllTextAsync(folder["digest"], cancel);
    }
}
