using Tributary.Codecs.Benchmarks;
using Tributary.Codecs.Messages;
using Tributary.TestKit;
using Tributary.Tensors;
using Tributary.Tensors.Checkpoints;

namespace Tributary.Codecs.Tests;

public sealed class SizeTableTests
{
    private const double MiB = 1 << 20;

    [Theory]
    [InlineData("fp32", 5716.26, 0, 100)]
    [InlineData("fp16", 2858.13, 0, 50)]
    [InlineData("bf16", 2858.13, 0, 50)]
    [InlineData("int8", 1429.06, 1.54, 25.03)]
    [InlineData("fp4", 714.53, 89.33, 14.06)]
    [InlineData("nf4", 714.53, 89.33, 14.06)]
    public void The_papers_table_of_llama_3_2_1b_comes_out_of_the_codecs_own_rules(string precision, double payload, double meta, double percent)
    {
        TensorManifest model = ModelPreset.Find("llama-3.2-1b")!.Manifest;
        model.Count.ShouldBe(147);
        model.ElementCount.ShouldBe(1_498_482_688);
        MessageSize size = SizeTable.Of(model).Single(size => size.Precision == precision);
        Math.Round(size.Payload / MiB, 2).ShouldBe(payload);
        Math.Round(size.PaperMeta / MiB, 2).ShouldBe(meta);
        Math.Round(100.0 * (size.Payload + size.PaperMeta) / (4 * model.ElementCount), 2).ShouldBe(percent);
    }

    [Fact]
    public void The_size_as_sent_is_the_bytes_that_are_written()
    {
        using var folder = new TempFolder();
        using var model = new MemorySource(
            MemorySource.Gaussian("large", DType.F32, [Tile.ElementsMax + 5001], 1), MemorySource.Gaussian("small", DType.BF16, [3, 5], 2), MemorySource.Gaussian("norm", DType.F32, [64], 3));
        foreach (MessageSize size in SizeTable.Of(model.Manifest))
        {
            using var encoded = new QuantizedSource(model, Precision.Parse(size.Precision));
            MessageFile.Plan(encoded).WriteFile(folder[size.Precision], TestContext.Current.CancellationToken);
            new FileInfo(folder[size.Precision]).Length.ShouldBe(size.FileLength, size.Precision);
            encoded.Manifest.ByteLength.ShouldBe(size.Payload + size.SentMeta, size.Precision);
        }
    }
}
