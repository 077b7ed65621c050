using Tributary.Tensors;
using Tributary.Tensors.Safetensors;
using Tributary.TestKit;

namespace Tributary.Codecs.Tests;

public sealed class GoldenTests
{
    private static readonly string[] Tensors = ["gauss", "heavy", "tiny", "zeros", "mixed"];

    public static TheoryData<string> BlockPrecisions => ["int8", "fp4", "nf4"];

    [Theory]
    [MemberData(nameof(BlockPrecisions))]
    public void Codes_scales_and_values_are_those_of_bitsandbytes(string precision)
    {
        using SafetensorsFile inputs = Open("input");
        using SafetensorsFile golden = Open(precision);
        foreach (string tensor in Tensors)
        {
            Encoded encoded = Encoded.Of(Precision.Parse(precision), inputs.ReadFloats(tensor));
            encoded.Scales.ShouldBe(golden.ReadFloats(tensor + ".absmax"), tensor);
            encoded.Decode().ShouldBe(golden.ReadFloats(tensor + ".decoded"), tensor);
            byte[] expected = golden.ReadTensor(tensor + ".codes");
            if (precision == "fp4")
            {
                // Code 8 is minus zero.
                expected = [.. expected.Select(code => code == 8 ? (byte)0 : code)];
            }

            encoded.Unpacked.ShouldBe(expected, tensor);
        }
    }

    [Theory]
    [InlineData("fp16")]
    [InlineData("bf16")]
    public void Sixteen_bit_floats_are_those_of_the_reference(string precision)
    {
        using SafetensorsFile inputs = Open("input");
        using SafetensorsFile golden = Open(precision);
        foreach (string tensor in Tensors)
        {
            Encoded encoded = Encoded.Of(Precision.Parse(precision), inputs.ReadFloats(tensor));
            encoded.CodeBytes.ShouldBe(golden.ReadTensor(tensor), tensor);
            encoded.Decode().ShouldBe(golden.ReadFloats(tensor), tensor);
        }
    }

    private static SafetensorsFile Open(string name)
    {
        string? path = Repository.Shared($"golden/codec-{name}.safetensors");
        Assert.SkipWhen(path is null, "the golden files do not lie beside the repository");
        return SafetensorsFile.Open(path!);
    }
}
