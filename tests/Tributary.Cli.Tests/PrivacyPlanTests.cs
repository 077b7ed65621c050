using System.Text.Json;
using Tributary.TestKit;

namespace Tributary.Cli.Tests;

/// <summary><c>privacy plan</c>, as people and scripts use it before they promise anything.</summary>
public sealed class PrivacyPlanTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_noise_has_the_epsilon_that_Opacus_says_and_more_rounds_cost_more()
    {
        JsonElement plan = await JsonAsync("--rounds", "2250", "--noise-multiplier", "1.5", "--sampling-rate", "0.04", "--delta", "1e-5");
        plan.GetProperty("asked").GetProperty("epsilon").GetDouble().ShouldBe(7.3291, 0.001, "opacus/tests/accountants_test.py");
        plan.GetProperty("plans").EnumerateArray().Select(row => row.GetProperty("rounds").GetInt64()).ShouldBe([1125, 2250, 4500]);
        plan.GetProperty("plans").EnumerateArray().Select(row => row.GetProperty("epsilon").GetDouble()).ShouldBeInOrder();
        plan.GetProperty("warning").ValueKind.ShouldBe(JsonValueKind.Null);
    }

    [Fact]
    public async Task The_noise_that_is_printed_for_an_epsilon_keeps_it_when_it_is_typed_in()
    {
        JsonElement needed = await JsonAsync("--rounds", "20", "--epsilon", "5", "--delta", "1e-5", "--clip", "0.5");
        double noise = needed.GetProperty("asked").GetProperty("noiseMultiplier").GetDouble();
        needed.GetProperty("asked").GetProperty("deviation").GetDouble().ShouldBe(noise / 2);
        JsonElement again = await JsonAsync("--rounds", "20", "--noise-multiplier", $"{noise:0.####}", "--delta", "1e-5");
        again.GetProperty("asked").GetProperty("epsilon").GetDouble().ShouldBeInRange(4.99, 5);

        ProgramResult table = await RunAsync("--rounds", "20", "--epsilon", "5", "--delta", "1e-5", "--clip", "0.5");
        table.ExitCode.ShouldBe(0, table.Error);
        table.Error.ShouldBeEmpty();
        table.Output.ShouldContain($"20 rounds of noise multiplier {noise:0.####}, every record (or site) in every round");
        foreach (string word in new[] { "half", "asked", "double", "deviation", "epsilon" })
        {
            table.Output.ShouldContain(word);
        }
    }

    [Fact]
    public async Task An_epsilon_that_protects_nobody_is_called_so()
    {
        ProgramResult run = await RunAsync("--rounds", "1", "--noise-multiplier", "0.003", "--delta", "1e-5");
        run.ExitCode.ShouldBe(0);
        run.Error.ShouldStartWith("warning: epsilon ");
        run.Error.ShouldContain("protects nobody");
        (await JsonAsync("--rounds", "1", "--noise-multiplier", "0.003", "--delta", "1e-5")).GetProperty("warning").GetString()!.ShouldContain("protects nobody");
    }

    [Theory]
    [InlineData(new[] { "--rounds", "1", "--delta", "1e-5" }, "give one of --noise-multiplier")]
    [InlineData(new[] { "--rounds", "1", "--delta", "1e-5", "--epsilon", "1", "--noise-multiplier", "1" }, "give one of --noise-multiplier")]
    [InlineData(new[] { "--rounds", "0", "--delta", "1e-5", "--epsilon", "1" }, "--rounds is 0")]
    [InlineData(new[] { "--rounds", "1", "--delta", "0", "--epsilon", "1" }, "--delta is 0")]
    [InlineData(new[] { "--rounds", "1", "--delta", "1", "--epsilon", "1" }, "--delta is 1")]
    [InlineData(new[] { "--rounds", "1", "--delta", "1e-5", "--epsilon", "-1" }, "--epsilon is -1")]
    [InlineData(new[] { "--rounds", "1", "--delta", "1e-5", "--noise-multiplier", "0" }, "--noise-multiplier is 0")]
    [InlineData(new[] { "--rounds", "1", "--delta", "1e-5", "--epsilon", "1", "--sampling-rate", "1.5" }, "--sampling-rate is 1.5")]
    [InlineData(new[] { "--rounds", "1", "--delta", "1e-5", "--epsilon", "1", "--clip", "NaN" }, "--clip is NaN")]
    [InlineData(new[] { "--rounds", "many", "--delta", "1e-5", "--epsilon", "1" }, "as a whole number")]
    [InlineData(new[] { "--delta", "1e-5", "--epsilon", "1" }, "'--rounds' is required")]
    public async Task Wrong_usage_is_named_in_a_line(string[] arguments, string says)
    {
        ProgramResult run = await RunAsync(arguments);
        run.ExitCode.ShouldBe(2, run.Error);
        run.Error.ShouldContain(says);
        run.Output.ShouldBeEmpty();
    }

    private Task<ProgramResult> RunAsync(params string[] arguments) => TributaryProgram.RunAsync(_folder.Path, TestContext.Current.CancellationToken, ["privacy", "plan", .. arguments]);

    private async Task<JsonElement> JsonAsync(params string[] arguments)
    {
        ProgramResult run = await RunAsync([.. arguments, "--json"]);
        run.ExitCode.ShouldBe(0, run.Error);
        return JsonDocument.Parse(run.Output).RootElement;
    }
}
