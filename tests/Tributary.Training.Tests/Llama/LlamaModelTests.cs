using Tributary.Tensors;

namespace Tributary.Training.Tests.Llama;

public sealed class LlamaModelTests
{
    private static LlamaConfig Config(bool tied = false) => new()
    {
        HiddenSize = 16, IntermediateSize = 24, LayerCount = 2, HeadCount = 4, KeyValueHeadCount = 2, HeadLength = 4,
        VocabularySize = 40, PositionsMax = 32, TiedEmbeddings = tied,
    };

    [Fact]
    public void Weights_come_out_under_the_names_and_in_the_order_they_came_in()
    {
        using LlamaModel first = LlamaModel.Create(Config(), 1);
        MemoryTensors reversed = Reordered(first.Weights);
        using LlamaModel second = LlamaModel.Load(Config(), reversed);
        second.Weights.Manifest.Select(entry => entry.Spec).ShouldBe(reversed.Manifest.Select(entry => entry.Spec));
        MemoryTensors.AllBytes(second.Weights).ShouldBe(MemoryTensors.AllBytes(reversed));
    }

    [Theory]
    [InlineData(DType.F16, 1e-3f)]
    [InlineData(DType.BF16, 1e-2f)]
    public void Half_precision_weights_are_widened(DType dtype, float tolerance)
    {
        using LlamaModel model = LlamaModel.Create(Config(), 1);
        using LlamaModel narrow = LlamaModel.Load(Config(), MemoryTensors.Copy(model.Weights, dtype));
        narrow.Weights.Manifest[0].Spec.DType.ShouldBe(DType.F32);
        float[] expected = MemoryTensors.Floats(model.Weights, 0), actual = MemoryTensors.Floats(narrow.Weights, 0);
        for (int i = 0; i < expected.Length; i++)
        {
            actual[i].ShouldBe(expected[i], tolerance * Math.Abs(expected[i]) + 1e-7f);
        }
    }

    [Fact]
    public void The_weights_are_a_view_and_not_a_copy()
    {
        using LlamaModel model = LlamaModel.Create(Config(), 1), other = LlamaModel.Create(Config(), 2);
        TensorSource view = model.Weights;
        byte[] before = MemoryTensors.AllBytes(view);
        model.CopyFrom(other.Weights);
        MemoryTensors.AllBytes(view).ShouldBe(MemoryTensors.AllBytes(other.Weights));
        MemoryTensors.AllBytes(view).ShouldNotBe(before);
    }

    [Fact]
    public void A_part_of_a_tile_can_be_read()
    {
        using LlamaModel model = LlamaModel.Create(Config(), 1);
        var bytes = new byte[8];
        model.Weights.Read(new Tile(0, 0), 12, bytes);
        BitConverter.ToSingle(bytes, 4).ShouldBe(MemoryTensors.Floats(model.Weights, 0)[4]);
        Should.Throw<ArgumentException>(() => model.Weights.Read(new Tile(0, 0), 1, new byte[4]));
        Should.Throw<ArgumentException>(() => model.Weights.Read(new Tile(0, 0), 0, new byte[1 << 20]));
    }

    [Fact]
    public void A_tied_model_may_list_its_head_and_gives_it_back()
    {
        using LlamaModel separate = LlamaModel.Create(Config(), 1);
        using LlamaModel tied = LlamaModel.Load(Config(tied: true), MemoryTensors.Copy(separate.Weights));
        TensorManifest manifest = tied.Weights.Manifest;
        manifest.Count.ShouldBe(separate.Weights.Manifest.Count);
        float[] head = MemoryTensors.Floats(tied.Weights, manifest.IndexOf("lm_head.weight"));
        head.ShouldBe(MemoryTensors.Floats(tied.Weights, manifest.IndexOf("model.embed_tokens.weight")));
    }

    [Fact]
    public void A_missing_tensor_is_refused_by_name() => Refused(
        spec => spec.Name == "model.layers.1.mlp.up_proj.weight" ? null : spec, "model.layers.1.mlp.up_proj.weight", "missing");

    [Fact]
    public void The_head_of_a_model_that_is_not_tied_may_not_be_missing() =>
        Refused(spec => spec.Name == "lm_head.weight" ? null : spec, "lm_head.weight", "missing");

    [Fact]
    public void A_tensor_that_does_not_belong_is_refused_by_name()
    {
        using LlamaModel model = LlamaModel.Create(Config(), 1);
        string message = Should.Throw<TensorFormatException>(() => LlamaModel.Load(Config() with { LayerCount = 1 }, model.Weights)).Message;
        message.ShouldContain("model.layers.1.input_layernorm.weight");
    }

    [Fact]
    public void A_misshapen_tensor_is_refused_by_name() => Refused(
        spec => spec.Name == "model.norm.weight" ? spec with { Shape = new TensorShape(8) } : spec, "model.norm.weight", "[8]", "[16]");

    [Fact]
    public void A_source_that_does_not_fit_changes_nothing()
    {
        using LlamaModel model = LlamaModel.Create(Config(), 1), other = LlamaModel.Create(Config(), 2);
        byte[] before = MemoryTensors.AllBytes(model.Weights);
        MemoryTensors broken = MemoryTensors.Copy(other.Weights, change: spec => spec.Name == "lm_head.weight" ? null : spec);
        Should.Throw<TensorFormatException>(() => model.CopyFrom(broken));
        MemoryTensors.AllBytes(model.Weights).ShouldBe(before);
    }

    [Fact]
    public void Weights_of_a_disposed_model_cannot_be_read()
    {
        LlamaModel model = LlamaModel.Create(Config(), 1);
        model.Dispose();
        Should.Throw<ObjectDisposedException>(() => model.Weights.Read(new Tile(0, 0), 0, new byte[4]));
    }

    private static void Refused(Func<TensorSpec, TensorSpec?> change, params string[] said)
    {
        using LlamaModel model = LlamaModel.Create(Config(), 1);
        MemoryTensors source = MemoryTensors.Copy(model.Weights, change: change);
        string message = Should.Throw<TensorFormatException>(() => LlamaModel.Load(Config(), source)).Message;
        foreach (string part in said)
        {
            message.ShouldContain(part);
        }
    }

    private static MemoryTensors Reordered(TensorSource source)
    {
        using var selected = new SelectedTensors(source, Enumerable.Range(0, source.Manifest.Count).Reverse());
        return MemoryTensors.Copy(selected);
    }
}
