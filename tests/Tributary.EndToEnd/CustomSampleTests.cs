using System.Diagnostics;
using System.Globalization;
using Tributary.TestKit;

namespace Tributary.EndToEnd;

/// <summary>The samples for .NET developers run as their first lines say, and stay as short as is promised.</summary>
public sealed class CustomSampleTests : IDisposable
{
    private static readonly string Samples = Path.Combine(Repository.Root, "samples");

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("custom-workflow", "CustomWorkflow")]
    [InlineData("custom-filter", "CustomFilter")]
    public async Task A_workflow_or_filter_of_ones_own_runs_the_quickstart_and_its_loss_falls(string sample, string assembly)
    {
        string said = await RunAsync(sample, assembly, Path.Combine(Samples, "quickstart"), _folder["run"]);
        string[] losses = said.Split("held-out loss ")[1].Split(';')[0].Split(" -> ");
        double.Parse(losses[1], CultureInfo.InvariantCulture).ShouldBeLessThan(double.Parse(losses[0], CultureInfo.InvariantCulture) - 0.5);
        File.Exists(_folder["run/report.html"]).ShouldBeTrue();
    }

    [Fact]
    public async Task An_executor_of_ones_own_finds_the_line_that_no_site_could_have_told_alone() =>
        (await RunAsync("custom-executor", "CustomExecutor", _folder["line"])).ShouldStartWith("y = 3.00 x + -1.00;");

    [Theory]
    [InlineData("custom-workflow/FairAveraging.cs")]
    [InlineData("custom-filter/ClampFilter.cs")]
    [InlineData("custom-executor/RegressionExecutor.cs")]
    public void What_one_has_to_write_is_under_sixty_lines(string path) => File.ReadLines(Path.Combine(Samples, path)).Count().ShouldBeLessThan(60);

    private static async Task<string> RunAsync(string sample, string assembly, params string[] arguments)
    {
        string program = Path.Combine(Samples, sample, "bin", "Release", "net10.0", assembly + ".dll");
        File.Exists(program).ShouldBeTrue($"{program} is built with the solution");
        using Process process = Process.Start(new ProcessStartInfo("dotnet", [program, .. arguments]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        string output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        process.ExitCode.ShouldBe(0, await error);
        return output;
    }
}
