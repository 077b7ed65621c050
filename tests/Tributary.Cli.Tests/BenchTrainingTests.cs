using System.Text.Json;
using Tributary.TestKit;

namespace Tributary.Cli.Tests;

/// <summary><c>bench training</c>, as a process of its own.</summary>
public sealed class BenchTrainingTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private static readonly string[] Small = ["bench", "training", "--model", "stories260k", "--sequence", "64", "--batch", "2", "--rounds", "3", "--json"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Forward_passes_and_steps_are_measured_beside_the_kernels_peak_and_allocate_nothing()
    {
        JsonElement document = await JsonAsync([.. Small, "--python", "none", "--threads", "2"]);
        document.GetProperty("parameters").GetInt64().ShouldBe(260_032);

        // Two for each of 128 tokens and element of a matrix; four for each of 2 * 2080 pairs of query and key, 64 elements and 5 layers.
        document.GetProperty("forwardFlop").GetDouble().ShouldBe((2.0 * 128 * (5 * ((64 * 192) + (3 * 64 * 172)) + 32_768)) + (4.0 * 2 * 2080 * 64 * 5));
        document.GetProperty("torch").ValueKind.ShouldBe(JsonValueKind.Null);
        JsonElement[] kernels = [.. document.GetProperty("kernels").EnumerateArray()];
        kernels.Select(kernel => kernel.GetProperty("kernel").GetString()).ShouldContain("managed");
        foreach (JsonElement kernel in kernels)
        {
            kernel.GetProperty("peakGflops").GetDouble().ShouldBeGreaterThan(0);
            kernel.GetProperty("stepAllocatedBytes").GetInt64().ShouldBe(0);
            JsonElement step = kernel.GetProperty("step");
            step.GetProperty("tokensPerSecond").GetDouble().ShouldBe(128 / step.GetProperty("seconds").GetDouble(), 0.1);
            kernel.GetProperty("stepOfPeak").GetDouble().ShouldBe(step.GetProperty("gflops").GetDouble() / kernel.GetProperty("peakGflops").GetDouble(), 1e-9);
        }
    }

    [Fact]
    public async Task PyTorch_is_measured_on_the_same_model_and_batch()
    {
        JsonElement torch = (await JsonAsync(Small)).GetProperty("torch");
        if (torch.ValueKind == JsonValueKind.Null && Environment.GetEnvironmentVariable("CI") != "true")
        {
            Assert.Skip("no interpreter here has torch");
        }

        torch.GetProperty("step").GetProperty("tokensPerSecond").GetDouble().ShouldBeGreaterThan(0);
        torch.GetProperty("version").GetString().ShouldNotBeNullOrEmpty();
    }

    [Theory]
    [InlineData(new[] { "--model", "gpt2-large" }, 2, "llama")]
    [InlineData(new[] { "--model", "nowhere" }, 2, "stories15m")]
    [InlineData(new[] { "--sequence", "0" }, 2, "from 1")]
    [InlineData(new[] { "--batch", "4000" }, 2, "from 1 to 2048")]
    [InlineData(new[] { "--model", "stories260k", "--python", "/bin/false" }, 1, "code 1")]
    public async Task Wrong_usage_is_named(string[] arguments, int code, string says)
    {
        ProgramResult run = await RunAsync(["bench", "training", .. arguments]);
        run.ExitCode.ShouldBe(code, run.Error);
        run.Error.ShouldContain(says);
        run.Error.ShouldNotContain("unexpected");
    }

    private Task<ProgramResult> RunAsync(params string[] arguments) => TributaryProgram.RunAsync(_folder.Path, TestContext.Current.CancellationToken, arguments);

    private async Task<JsonElement> JsonAsync(params string[] arguments)
    {
        ProgramResult run = await RunAsync(arguments);
        run.ExitCode.ShouldBe(0, run.Error);
        return JsonDocument.Parse(run.Output).RootElement;
    }
}
