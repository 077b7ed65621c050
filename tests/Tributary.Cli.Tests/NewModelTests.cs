using System.Diagnostics;
using System.Text.Json;
using Tributary.TestKit;
using Tributary.Tensors;
using Tributary.Tensors.Checkpoints;
using Tributary.Training;

namespace Tributary.Cli.Tests;

/// <summary><c>model new</c>, as a process of its own.</summary>
public sealed class NewModelTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("stories260k", "1", "F32", 47, 260_032)]
    [InlineData("llama-3.2-1b", "0.001", "BF16", 147, 1_498_176)]
    public async Task A_new_Llama_can_be_trained_as_it_is(string preset, string scale, string dtype, int tensors, long parameters)
    {
        JsonElement made = await JsonAsync("model", "new", "--preset", preset, "--scale", scale, "--dtype", dtype, "--out", "m", "--json");
        made.GetProperty("tensors").GetInt32().ShouldBe(tensors);
        made.GetProperty("parameters").GetInt64().ShouldBe(parameters);
        made.GetProperty("bytes").GetInt64().ShouldBe(parameters * (dtype == "F32" ? 4 : 2));
        made.GetProperty("dtype").GetString().ShouldBe(dtype);
        made.GetProperty("files").EnumerateArray().Select(file => file.GetString()).ShouldBe(["config.json", "model.safetensors"]);

        LlamaConfig config = LlamaConfig.Load(_folder["m"]);
        using Checkpoint checkpoint = Checkpoint.Open(_folder["m"]);
        checkpoint.Manifest.ShouldAllBe(entry => entry.Spec.DType.Name() == dtype);
        using LlamaModel model = LlamaModel.Load(config, checkpoint);
        (config.RopeScaling is not null).ShouldBe(preset == "llama-3.2-1b");
    }

    [Fact]
    public async Task Shards_hold_the_tensors_of_the_single_file_and_the_other_verbs_read_them()
    {
        string[] command = ["model", "new", "--preset", "gpt2-large", "--scale", "0.003", "--seed", "5", "--json", "--out"];
        JsonElement whole = await JsonAsync([.. command, "whole"]);
        JsonElement sharded = await JsonAsync([.. command, "sharded", "--shards", "3"]);
        sharded.GetProperty("files").GetArrayLength().ShouldBe(5, "config, index and three shards");
        sharded.GetProperty("maskElements").GetInt64().ShouldBeGreaterThan(0);

        JsonElement compared = await JsonAsync("model", "compare", "whole", "sharded", "--json");
        compared.GetProperty("tensors").GetArrayLength().ShouldBe(472);
        compared.GetProperty("tensors").EnumerateArray().ShouldAllBe(tensor => tensor.GetProperty("largestError").GetDouble() == 0);

        JsonElement sizes = await JsonAsync("bench", "sizes", "--model", "sharded", "--json");
        sizes.GetProperty("tensors").GetInt32().ShouldBe(472);
        sizes.GetProperty("precisions")[0].GetProperty("sentBytes").GetInt64().ShouldBeGreaterThan(whole.GetProperty("bytes").GetInt64());
        (await JsonAsync("bench", "sizes", "--model", "gpt2-large", "--json")).GetProperty("tensors").GetInt32().ShouldBe(472);
    }

    [Theory]
    [InlineData(new[] { "--preset", "llama-9" }, "llama-3.2-1b, llama-3.1-8b, gpt2-large, stories260k")]
    [InlineData(new[] { "--preset", "stories260k", "--scale", "0.01" }, "from 0.024")]
    [InlineData(new[] { "--preset", "stories260k", "--scale", "2" }, "to 1")]
    [InlineData(new[] { "--preset", "stories260k", "--shards", "48" }, "47 tensors")]
    [InlineData(new[] { "--preset", "stories260k", "--shards", "0" }, "from 1")]
    [InlineData(new[] { "--preset", "stories260k", "--dtype", "I8" }, "F32 or BF16")]
    [InlineData(new[] { "--preset", "stories260k", "--seed", "-1" }, "whole number")]
    public async Task Wrong_usage_is_named_and_leaves_nothing(string[] arguments, string says)
    {
        ProgramResult run = await RunAsync(["model", "new", "--out", "m", .. arguments]);
        run.ExitCode.ShouldBe(2, run.Error);
        run.Error.ShouldContain(says);
        run.Output.ShouldBeEmpty();
        Directory.GetFileSystemEntries(_folder.Path).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_folder_that_holds_something_is_not_written_to()
    {
        File.WriteAllText(Path.Combine(Directory.CreateDirectory(_folder["m"]).FullName, "notes.txt"), "mine");
        ProgramResult run = await RunAsync("model", "new", "--preset", "stories260k", "--out", "m");
        run.ExitCode.ShouldBe(2);
        run.Error.ShouldContain("not empty");
        Directory.GetFiles(_folder["m"]).Length.ShouldBe(1);
    }

    [Fact]
    public async Task What_is_interrupted_leaves_nothing_that_looks_like_a_checkpoint()
    {
        // Once it says what it needs it begins to write; a gigabyte is not written before the signal is there. Ctrl-C takes the same way.
        ProgramResult run = await TributaryProgram.RunAsync(
            _folder.Path,
            (process, line) =>
            {
                if (line.Contains("needed", StringComparison.Ordinal))
                {
                    using Process kill = Process.Start("kill", ["-TERM", $"{process.Id}"]);
                    kill.WaitForExit();
                }
            },
            TestContext.Current.CancellationToken,
            "model", "new", "--preset", "llama-3.2-1b", "--scale", "0.175", "--out", "m");
        run.ExitCode.ShouldBe(130, run.Error);
        run.Error.ShouldContain("interrupted");
        Directory.GetFileSystemEntries(_folder.Path).ShouldBeEmpty();
    }

    private Task<ProgramResult> RunAsync(params string[] arguments) => TributaryProgram.RunAsync(_folder.Path, TestContext.Current.CancellationToken, arguments);

    private async Task<JsonElement> JsonAsync(params string[] arguments)
    {
        ProgramResult run = await RunAsync(arguments);
        run.ExitCode.ShouldBe(0, run.Error);
        return JsonDocument.Parse(run.Output).RootElement;
    }
}
