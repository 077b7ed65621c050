using System.Runtime.InteropServices;
using System.Text;
using Tributary.Codecs.Layouts;
using Tributary.TestKit;
using Tributary.Tensors;

namespace Tributary.Codecs.Tests.Layouts;

public sealed class BitsAndBytesTests : IDisposable
{
    private readonly TempFolder _folder = new();

    /// <summary>Spans three tiles, with an odd end, so that codes and scales have to be gathered across tiles.</summary>
    private readonly MemorySource _dense = new(
        MemorySource.Gaussian("model.layers.0.mlp.up_proj.weight", DType.BF16, [3, (2 * Tile.ElementsMax / 3) + 1667], 1),
        MemorySource.Gaussian("model.embed_tokens.weight", DType.F32, [100, 7], 2),
        MemorySource.Gaussian("model.norm.weight", DType.F32, [65], 3),
        (new TensorSpec("steps", DType.I64, new TensorShape(1)), new byte[8]));

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("nf4")]
    [InlineData("fp4")]
    [InlineData("int8")]
    public void The_layout_holds_the_same_codes_and_scales_and_reads_back_to_the_same_values(string precision)
    {
        Codec codec = Precision.Parse(precision);
        var quantized = new QuantizedSource(_dense, codec);
        var layout = new BitsAndBytesLayout(quantized);
        var back = new DequantizedSource(new BitsAndBytesSource(layout));

        // The 8-bit layout does not say the original type, and decodes to fp32.
        var expected = new DequantizedSource(precision == "int8" ? new QuantizedSource(new CastSource(_dense, DType.F32), codec) : quantized);
        back.Manifest.Select(entry => entry.Spec.Name).ShouldBe(expected.Manifest.Select(entry => entry.Spec.Name));
        foreach (TensorEntry entry in expected.Manifest)
        {
            string name = entry.Spec.Name;
            back.ReadFloatsOrBytes(name).ShouldBe(expected.ReadFloatsOrBytes(name), name);
        }
    }

    [Fact]
    public void The_tensors_have_the_names_types_and_shapes_that_bitsandbytes_expects()
    {
        var layout = new BitsAndBytesLayout(new QuantizedSource(_dense, Precision.Nf4, LinearWeights.Is));
        const string Weight = "model.layers.0.mlp.up_proj.weight";
        long elements = _dense.Manifest[0].Spec.ElementCount;
        Spec(layout, Weight).ShouldBe(new TensorSpec(Weight, DType.U8, new TensorShape((elements + 1) / 2, 1)));
        Spec(layout, Weight + ".absmax").ShouldBe(new TensorSpec(Weight + ".absmax", DType.F32, new TensorShape((elements + 63) / 64)));
        layout.ReadFloats(Weight + ".quant_map")[1].ShouldBe(-0.6961928009986877f);
        Encoding.UTF8.GetString(layout.ReadTensor(Weight + ".quant_state.bitsandbytes__nf4"))
            .ShouldBe($$"""{"quant_type":"nf4","blocksize":64,"dtype":"bfloat16","shape":[3,{{elements / 3}}]}""");

        // Embeddings, norms and what is no float stay as they are.
        Spec(layout, "model.embed_tokens.weight").DType.ShouldBe(DType.F32);
        layout.Manifest.IndexOf("model.norm.weight.absmax").ShouldBe(-1);
        layout.ReadTensor("model.norm.weight").ShouldBe(_dense.ReadTensor("model.norm.weight"));
    }

    [Fact]
    public void Precisions_that_bitsandbytes_does_not_have_are_refused_by_name() =>
        Should.Throw<ArgumentException>(() => new BitsAndBytesLayout(new QuantizedSource(_dense, Precision.Nf4n))).Message.ShouldContain("not nf4n");

    [Theory]
    [InlineData("""{"quant_type":"nf5","blocksize":64,"dtype":"float32","shape":[64]}""", "nf5")]
    [InlineData("""{"quant_type":"nf4","blocksize":128,"dtype":"float32","shape":[64]}""", "blocks of 128")]
    [InlineData("""{"quant_type":"nf4","blocksize":64,"dtype":"float32","shape":[65]}""", "takes 33 bytes of codes")]
    [InlineData("""{"quant_type":"nf4"}""", "quant_state")]
    [InlineData("""{"quant""", "quant_state")]
    public void An_inconsistent_weight_is_refused_by_name(string state, string says)
    {
        var layout = new MemorySource(
            (new TensorSpec("w", DType.U8, new TensorShape(32, 1)), new byte[32]),
            MemorySource.F32("w.absmax", [1], 1),
            MemorySource.F32("w.quant_map", [16], new float[16]),
            (new TensorSpec("w.quant_state.bitsandbytes__nf4", DType.U8, new TensorShape(state.Length)), Encoding.UTF8.GetBytes(state)));
        string message = Should.Throw<TensorFormatException>(() => new BitsAndBytesSource(layout)).Message;
        message.ShouldContain("'w'");
        message.ShouldContain(says);
    }

    [Fact]
    public void Other_levels_than_the_usual_ones_are_refused_instead_of_decoded_wrongly()
    {
        byte[] state = """{"quant_type":"nf4","blocksize":64,"dtype":"float32","shape":[64]}"""u8.ToArray();
        var layout = new MemorySource(
            (new TensorSpec("w", DType.U8, new TensorShape(32, 1)), new byte[32]),
            MemorySource.F32("w.absmax", [1], 1),
            MemorySource.F32("w.quant_map", [16], new float[16]),
            (new TensorSpec("w.quant_state.bitsandbytes__nf4", DType.U8, new TensorShape(state.Length)), state));
        Should.Throw<TensorFormatException>(() => new BitsAndBytesSource(layout)).Message.ShouldContain("levels");
    }

    private static TensorSpec Spec(TensorSource source, string name) => source.Manifest[source.Manifest.IndexOf(name)].Spec;
}

internal static class AnyTensor
{
    public static byte[] ReadFloatsOrBytes(this TensorSource source, string name) =>
        source.Manifest[source.Manifest.IndexOf(name)].Spec.DType.IsTrainable() ? MemoryMarshal.AsBytes(source.ReadFloats(name).AsSpan()).ToArray() : source.ReadTensor(name);
}
