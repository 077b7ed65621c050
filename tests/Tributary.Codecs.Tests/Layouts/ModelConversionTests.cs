using Tributary.Codecs.Layouts;
using Tributary.Codecs.Messages;
using Tributary.TestKit;
using Tributary.Tensors;
using Tributary.Tensors.Checkpoints;

namespace Tributary.Codecs.Tests.Layouts;

public sealed class ModelConversionTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly MemorySource _model = new(
        MemorySource.Gaussian("a.weight", DType.F32, [200, 70], 1), MemorySource.Gaussian("norm.weight", DType.BF16, [300], 2));

    public ModelConversionTests()
    {
        CheckpointWriter.Write(_model, _folder["model"], cancellationToken: Cancelled);
        File.WriteAllText(_folder["model/config.json"], """{"model_type": "llama"}""");
    }

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(QuantizedLayout.Tributary, "q")]
    [InlineData(QuantizedLayout.Tributary, "q.safetensors")]
    [InlineData(QuantizedLayout.BitsAndBytes, "q")]
    [InlineData(QuantizedLayout.BitsAndBytes, "q.safetensors")]
    public void A_model_goes_through_either_layout_as_file_or_folder_and_comes_back_with_its_types(QuantizedLayout layout, string output)
    {
        long told = 0;
        ModelConversion.Quantize(_folder["model"], _folder[output], Precision.Nf4, layout, linearOnly: false, new Told(bytes => told = bytes), Cancelled);
        told.ShouldBeGreaterThan(0);
        ModelConversion.Dequantize(_folder[output], _folder["back"], null, null, Cancelled);

        using Checkpoint back = Checkpoint.Open(_folder["back"]);
        var expected = new DequantizedSource(new QuantizedSource(_model, Precision.Nf4));
        foreach (TensorEntry entry in _model.Manifest)
        {
            back.Manifest[back.Manifest.IndexOf(entry.Spec.Name)].Spec.ShouldBe(entry.Spec);
            back.ReadTensor(entry.Spec.Name).ShouldBe(expected.ReadTensor(entry.Spec.Name));
        }

        using TensorSource quantized = ModelConversion.Open(_folder[output]);
        IReadOnlyList<TensorDifference> differences = ModelComparison.Compare(_model, quantized, Cancelled);
        differences.Count.ShouldBe(2);
        differences[0].SnrDb.ShouldBeInRange(15, differences[1].SnrDb);
        differences.ShouldAllBe(difference => difference.LargestError > 0);
    }

    [Fact]
    public void A_folder_in_bitsandbytes_layout_tells_transformers_how_to_load_it_and_a_plain_one_no_longer_does()
    {
        ModelConversion.Quantize(_folder["model"], _folder["q"], Precision.Nf4, QuantizedLayout.BitsAndBytes, linearOnly: true, null, Cancelled);
        File.ReadAllText(_folder["q/config.json"]).ShouldContain("\"bnb_4bit_quant_type\": \"nf4\"");
        ModelConversion.Dequantize(_folder["q"], _folder["back"], DType.F16, null, Cancelled);
        File.ReadAllText(_folder["back/config.json"]).ShouldNotContain("quantization_config");
        using Checkpoint back = Checkpoint.Open(_folder["back"]);
        back.Manifest.ShouldAllBe(entry => entry.Spec.DType == DType.F16);
    }

    [Fact]
    public void What_is_there_is_not_overwritten_and_what_fails_leaves_nothing()
    {
        Directory.CreateDirectory(_folder["there"]);
        Should.Throw<IOException>(() => ModelConversion.Dequantize(_folder["model"], _folder["there"], null, null, Cancelled)).Message.ShouldContain("is there already");

        float[] bad = [1, float.NaN];
        CheckpointWriter.Write(new MemorySource(MemorySource.F32("bad.weight", [2], bad)), _folder["bad"], cancellationToken: Cancelled);
        string[] before = Directory.GetFileSystemEntries(_folder.Path);
        foreach (string output in new[] { "out", "out.safetensors" })
        {
            Should.Throw<TensorFormatException>(() => ModelConversion.Quantize(_folder["bad"], _folder[output], Precision.Int8, QuantizedLayout.Tributary, false, null, Cancelled))
                .Message.ShouldContain("'bad.weight' is NaN at element 1");
        }

        Directory.GetFileSystemEntries(_folder.Path).ShouldBe(before, ignoreOrder: true);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(1)]
    public void A_quantized_file_that_is_cut_short_or_too_long_is_refused_before_anything_is_written(int change)
    {
        ModelConversion.Quantize(_folder["model"], _folder["q.safetensors"], Precision.Nf4, QuantizedLayout.Tributary, false, null, Cancelled);
        using (FileStream file = File.OpenWrite(_folder["q.safetensors"]))
        {
            file.SetLength(file.Length + change);
        }

        Should.Throw<TensorFormatException>(() => ModelConversion.Dequantize(_folder["q.safetensors"], _folder["out"], null, null, Cancelled)).Message.ShouldStartWith(_folder["q.safetensors"]);
        Path.Exists(_folder["out"]).ShouldBeFalse();
    }

    [Fact]
    public void Models_of_another_architecture_are_not_compared()
    {
        var other = new MemorySource(MemorySource.Gaussian("a.weight", DType.F32, [200, 70], 1));
        Should.Throw<TensorFormatException>(() => ModelComparison.Compare(_model, other, Cancelled)).Message.ShouldContain("'norm.weight'");
        Should.Throw<TensorFormatException>(() => ModelComparison.Compare(other, _model, Cancelled)).Message.ShouldContain("'norm.weight'");
    }

    private sealed class Told(Action<long> told) : IProgress<long>
    {
        public void Report(long value) => told(value);
    }
}
