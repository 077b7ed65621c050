using System.Text.RegularExpressions;
using Tributary.TestKit;

namespace Tributary.EndToEnd.Deployment;

/// <summary>Whoever looks for why a round was slow sees one trace of it over all parties, and figures under the names that the documentation says.</summary>
public sealed partial class TelemetryTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_round_is_one_trace_over_server_and_sites_and_every_metric_is_documented()
    {
        await using OtlpCollector collector = await OtlpCollector.StartAsync(Cancel);
        using DeployedProject project = await DeployedProject.ProvisionAsync($"telemetry:\n  otlp: {collector.Address}");
        await using Daemon server = project.StartServer();
        await using Daemon clinic = project.StartSite("clinic", ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Address));
        await using Daemon bank = project.StartSite("bank");
        await server.UntilAsync("listens at", Cancel);
        await project.SubmitAsync(rounds: 1);
        await project.WatchAsync();

        // What has not been sent is sent at the end.
        foreach (Daemon daemon in new[] { clinic, bank, server })
        {
            (await daemon.EndAsync(Cancel)).ShouldBe(0);
        }

        CollectedSpan round = Named("tributary.round").Single(span => span.Attributes["tributary.round"] == "1");
        CollectedSpan step = Child(round, "tributary.step");
        Child(step, "tributary.encode").Service.ShouldBe("server/server");
        Child(round, "tributary.merge");
        (round.Parent, step.Attributes["tributary.task"], step.Attributes["tributary.step"]).ShouldBe((string.Empty, "train", "0"));
        CollectedSpan task = Child(step, "tributary.task");
        (task.Service, task.Attributes["tributary.site"], task.Attributes["tributary.attempt"]).ShouldBe(("site/clinic", "clinic", "1"));
        foreach (string phase in new[] { "tributary.download", "tributary.train", "tributary.upload" })
        {
            Child(task, phase).Service.ShouldBe("site/clinic");
        }

        collector.Spans.ShouldAllBe(span => !span.IsError);
        collector.Spans.ShouldAllBe(span => span.Service != "site/bank", "nobody has told the bank to send anything");
        (string Name, string Unit)[] sent = [.. collector.Metrics.Keys.Where(metric => metric.Name.StartsWith("tributary.", StringComparison.Ordinal)).Select(metric => (metric.Name, metric.Unit)).Distinct()];
        (string Name, string Unit)[] documented = [.. MetricRows().Matches(await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs", "OPERATIONS.md"), Cancel))
            .Select(row => (row.Groups["name"].Value, row.Groups["unit"].Value))];
        sent.ShouldBeSubsetOf(documented);

        // Nothing went wrong here, so the two of what goes wrong are not among them.
        documented.Except(sent).Select(metric => metric.Name).ShouldBe(["tributary.parts.left_out", "tributary.task.retries"]);

        IEnumerable<CollectedSpan> Named(string name) => collector.Spans.Where(span => span.Name == name);
        CollectedSpan Child(CollectedSpan parent, string name)
        {
            CollectedSpan child = Named(name).Where(span => span.Parent == parent.Id).ShouldHaveSingleItem($"{name} in {parent.Name}");
            child.Trace.ShouldBe(parent.Trace);
            return child;
        }
    }

    [GeneratedRegex(@"^\| `(?<name>tributary\.[a-z_.]+)` \| (?<unit>\S+) \|", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex MetricRows();
}
