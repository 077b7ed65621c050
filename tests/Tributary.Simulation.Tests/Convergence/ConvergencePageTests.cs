using System.Text.Json;
using Tributary.Simulation.Convergence;
using Tributary.Simulation.Tests.Reports;
using Tributary.TestKit;

namespace Tributary.Simulation.Tests.Convergence;

/// <summary>The figure that users judge precisions by.</summary>
public sealed class ConvergencePageTests
{
    [Fact]
    public async Task The_charts_are_drawn_from_a_file_without_an_error_and_names_are_text()
    {
        using var folder = new TempFolder();
        SettingResult[] settings =
        [
            Setting("fp32", null, 1, 0),
            Setting("</script><b>", "fp32", 0.07, 0.02),
            .. Enumerable.Range(1, 12).Select(at => Setting($"setting {at}", "fp32", 0.01 * at, 0.1 / at)),
        ];
        var report = new ConvergenceReport("test", "model", default, "1.0.0", "2 cores", [1, 2], settings);
        ConvergencePage.Write(report, folder["."], JsonSerializer.Serialize(report));

        Browser.Page page = await Browser.OpenAsync(folder[ConvergencePage.FileName]);
        page.Console.ShouldBeEmpty();
        page.Dom.ShouldContain("<html lang=\"en\" class=\"\">");
        page.Dom.ShouldContain("<th scope=\"row\">&lt;/script&gt;&lt;b&gt;</th>");
        foreach (string chart in new[] { "loss-chart", "cost-chart" })
        {
            int at = page.Dom.IndexOf($"id=\"{chart}\"", StringComparison.Ordinal);
            page.Dom[at..page.Dom.IndexOf("</figure>", at, StringComparison.Ordinal)].ShouldContain("<path", Case.Sensitive, $"{chart} is empty");
        }
    }

    private static SettingResult Setting(string name, string? against, double share, double regret)
    {
        ConvergenceRun[] runs = [new(name, 1, [5, 4, 3 + regret], 10, 1, 100, 1), new(name, 2, [5.1, 3.9, 3.1 + regret], 10, 1, 100, 1)];
        return against is null
            ? new SettingResult(name, null, null, runs, share, null, null, [])
            : new SettingResult(name, null, against, runs, share, new Regret(regret, 0.01), regret < 0.05, regret < 0.05 ? [] : ["its mean regret is above 5 %"]);
    }
}
