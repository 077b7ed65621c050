using Tributary.Tensors;

namespace Tributary.Codecs.Tests;

public sealed class PrecisionTests
{
    [Fact]
    public void Every_precision_is_found_by_its_name()
    {
        foreach (Codec codec in Precision.All)
        {
            Precision.Parse(codec.Name).ShouldBeSameAs(codec);
        }
    }

    [Fact]
    public void An_unknown_precision_is_refused_with_the_names_there_are()
    {
        string message = Should.Throw<FormatException>(() => Precision.Parse("nf5")).Message;
        message.ShouldContain("'nf5'");
        foreach (Codec codec in Precision.All)
        {
            message.ShouldContain(codec.Name);
        }
    }

    [Theory]
    [InlineData("fp32", 100)]
    [InlineData("fp16", 50)]
    [InlineData("bf16", 50)]
    [InlineData("int8b", 25.78)]
    [InlineData("int8", 25.02)]
    [InlineData("fp4", 14.06)]
    [InlineData("nf4", 14.06)]
    [InlineData("nf4n", 12.90)]
    [InlineData("int4", 13.28)]
    [InlineData("int2", 7.03)]
    [InlineData("int1", 3.52)]
    [InlineData("topk6", 1.59)]
    [InlineData("topk3", 0.90)]
    [InlineData("topk", 0.51)]
    public void A_tile_takes_the_share_of_fp32_that_the_documents_promise(string precision, double percent)
    {
        int bytes = Precision.Parse(precision).ByteLength(DType.F32, Tile.ElementsMax);
        Math.Round(100.0 * bytes / (Tile.ElementsMax * sizeof(float)), 2).ShouldBe(percent);
    }

    [Fact]
    public void A_tile_is_a_whole_number_of_blocks_and_so_is_the_start_of_a_strip()
    {
        foreach (Codec codec in Precision.All)
        {
            (Tile.ElementsMax % codec.BlockElements).ShouldBe(0);
            (Tile.StripAlignment % codec.BlockElements).ShouldBe(0);
        }
    }

    [Theory]
    [InlineData("fp32", DType.F32, false)]
    [InlineData("fp32", DType.BF16, false)]
    [InlineData("fp16", DType.F32, true)]
    [InlineData("fp16", DType.BF16, false)]
    [InlineData("bf16", DType.F16, false)]
    [InlineData("nf4", DType.BF16, true)]
    [InlineData("int8", DType.I64, false)]
    [InlineData("int8", DType.F64, false)]
    [InlineData("nf4", DType.Bool, false)]
    [InlineData("nf4", DType.F8E4M3, false)]
    public void Only_trained_floats_that_get_narrower_are_encoded(string precision, DType dtype, bool encodes) =>
        Precision.Parse(precision).Encodes(dtype).ShouldBe(encodes);

    [Fact]
    public void Buffers_of_the_wrong_length_are_refused_before_anything_is_written()
    {
        byte[] scales = new byte[Precision.Nf4.ScaleBytes(130)];
        byte[] codes = new byte[Precision.Nf4.CodeBytes(130) - 1];
        Should.Throw<ArgumentException>(() => Precision.Nf4.Encode(new float[130], scales, codes)).Message.ShouldContain("130 elements take 12 + 65 bytes");
        codes.ShouldAllBe(value => value == 0);
    }

    [Fact]
    public void A_strip_that_begins_inside_a_block_is_refused() =>
        Should.Throw<ArgumentException>(() => Precision.Nf4.Decode(32, new byte[4], new byte[16], new float[32])).Message.ShouldContain("inside a block of 64");
}
