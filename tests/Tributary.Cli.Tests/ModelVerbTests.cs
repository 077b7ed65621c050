using System.Text.Json;
using Tributary.TestKit;
using Tributary.Tensors;
using Tributary.Tensors.Checkpoints;

namespace Tributary.Cli.Tests;

/// <summary>The verbs on models, as processes of their own.</summary>
public sealed class ModelVerbTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public ModelVerbTests() => CheckpointWriter.Write(
        new MemorySource(MemorySource.Gaussian("model.layers.0.mlp.up_proj.weight", DType.F32, [128, 64], 1), MemorySource.Gaussian("model.norm.weight", DType.F32, [64], 2)),
        _folder["model"],
        cancellationToken: TestContext.Current.CancellationToken);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_model_is_quantized_compared_and_dequantized()
    {
        JsonElement quantized = await JsonAsync("model", "quantize", "model", "q", "--precision", "nf4", "--layout", "bitsandbytes", "--linear-only", "--json");
        quantized.GetProperty("outputBytes").GetInt64().ShouldBeLessThan(quantized.GetProperty("inputBytes").GetInt64() / 3);

        JsonElement inspected = await JsonAsync("model", "inspect", "q", "--json");
        inspected.GetProperty("entries").EnumerateArray().Select(entry => entry.GetProperty("encoding").GetString()).ShouldBe(["nf4", "dense"], ignoreOrder: true);

        JsonElement[] compared = [.. (await JsonAsync("model", "compare", "model", "q", "--json")).GetProperty("tensors").EnumerateArray()];
        compared[0].GetProperty("name").GetString().ShouldBe("model.layers.0.mlp.up_proj.weight", "the worst tensor stands first");
        compared[0].GetProperty("snrDb").GetDouble().ShouldBeInRange(18, 24);
        compared[1].GetProperty("snrDb").ValueKind.ShouldBe(JsonValueKind.Null, "an equal tensor has no noise");

        await JsonAsync("model", "dequantize", "q", "plain.safetensors", "--dtype", "BF16", "--json");
        JsonElement plain = await JsonAsync("model", "inspect", "plain.safetensors", "--json");
        plain.GetProperty("entries").EnumerateArray().ShouldAllBe(entry => entry.GetProperty("dtype").GetString() == "BF16");
    }

    [Theory]
    [InlineData(new[] { "model", "quantize", "model", "q", "--precision", "nf5" }, "nf5")]
    [InlineData(new[] { "model", "quantize", "model", "q", "--precision", "nf4n", "--layout", "bitsandbytes" }, "not nf4n")]
    [InlineData(new[] { "model", "quantize", "nowhere", "q", "--precision", "nf4" }, "nowhere")]
    [InlineData(new[] { "model", "quantize", "model", "model", "--precision", "nf4" }, "is there already")]
    [InlineData(new[] { "model", "dequantize", "model", "q", "--dtype", "I64" }, "F32, F16 or BF16")]
    [InlineData(new[] { "model", "merge", "--base", "model", "--adapter", "nowhere", "--out", "merged" }, "nowhere: there is no such folder")]
    [InlineData(new[] { "model", "merge", "--base", "model", "--adapter", "model", "--out", "merged" }, "there is no adapter_config.json here")]
    [InlineData(new[] { "model", "merge", "--base", "model", "--adapter", "model", "--out", "model" }, "model: is there already")]
    [InlineData(new[] { "bench", "sizes", "--model", "llama-9" }, "llama-3.2-1b")]
    [InlineData(new[] { "bench", "codecs", "--tiles", "0" }, "1 to 511")]
    public async Task Wrong_usage_is_named_and_leaves_nothing(string[] arguments, string says)
    {
        ProgramResult run = await TributaryProgram.RunAsync(_folder.Path, TestContext.Current.CancellationToken, arguments);
        run.ExitCode.ShouldBe(2, run.Error);
        run.Error.ShouldContain(says);
        run.Output.ShouldBeEmpty();
        Directory.GetFileSystemEntries(_folder.Path).ShouldBe([_folder["model"]]);
    }

    [Fact]
    public async Task The_benches_print_figures_for_every_precision()
    {
        JsonElement sizes = await JsonAsync("bench", "sizes", "--model", "llama-3.2-1b", "--json");
        sizes.GetProperty("precisions").EnumerateArray().Single(size => size.GetProperty("precision").GetString() == "nf4").GetProperty("paperPercent").GetDouble().ShouldBe(14.06);

        JsonElement codecs = await JsonAsync("bench", "codecs", "--tiles", "1", "--json");
        JsonElement run = codecs.GetProperty("runs")[0];
        run.GetProperty("memcpyGBps").GetDouble().ShouldBeGreaterThan(0);
        run.GetProperty("codecs").EnumerateArray().ShouldAllBe(codec => codec.GetProperty("decodeRatio").GetDouble() > 0 && codec.GetProperty("encodeRatio").GetDouble() > 0);
    }

    private async Task<JsonElement> JsonAsync(params string[] arguments)
    {
        ProgramResult run = await TributaryProgram.RunAsync(_folder.Path, TestContext.Current.CancellationToken, arguments);
        run.ExitCode.ShouldBe(0, run.Error);
        return JsonDocument.Parse(run.Output).RootElement;
    }
}
