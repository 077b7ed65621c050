using System.Text.Json;
using Tributary.Codecs.Benchmarks;
using Tributary.EndToEnd.Streaming;
using Tributary.Tensors.Checkpoints;
using Tributary.TestKit;

namespace Tributary.EndToEnd.Aggregation;

/// <summary>The aggregation experiment, as processes of its own: its figures are ones to believe, and it leaves nothing behind.</summary>
public sealed class AggregationBenchTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public AggregationBenchTests()
    {
        StreamingModel.Write(_folder["model"]);
        Directory.CreateDirectory(_folder["work"]);
    }

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("fp32", "weights")]
    [InlineData("nf4", "delta")]
    public async Task Phases_bytes_and_memory_of_every_round_are_there_and_add_up(string precision, string exchange)
    {
        JsonElement report = await MeasureAsync("--sites", "2", "--rounds", "2", "--precision", precision, "--exchange", exchange);
        JsonElement[] rounds = [.. report.GetProperty("rounds").EnumerateArray()];
        rounds.Select(round => round.GetProperty("round").GetInt32()).ShouldBe([1, 2]);
        foreach (JsonElement round in rounds)
        {
            round.GetProperty("messageBytes").GetInt64().ShouldBe(MessageLength(precision));
            round.GetProperty("resultBytes").GetInt64().ShouldBe(MessageLength(precision));
            Dictionary<string, JsonElement> phases = Phases(round);
            phases.Keys.ShouldBe(["download", "return", "merge", "round"]);
            phases.Values.ShouldAllBe(phase => phase.GetProperty("seconds").GetDouble() > 0 && phase.GetProperty("floorSeconds").GetDouble() > 0);
            phases.Where(phase => phase.Key != "round").Sum(phase => Seconds(phase.Value)).ShouldBeLessThanOrEqualTo(Seconds(phases["round"]) + 1e-6);
            foreach (string what in new[] { "read", "sent", "written" })
            {
                phases.Where(phase => phase.Key != "round").Sum(phase => Bytes(phase.Value, what)).ShouldBe(Bytes(phases["round"], what));
            }

            Bytes(phases["download"], "sent").ShouldBe(2 * MessageLength(precision), "each site fetches it");
            Bytes(phases["return"], "sent").ShouldBe(2 * MessageLength(precision), "each site sends one");
            Bytes(phases["merge"], "written").ShouldBe(MessageLength("fp32"), "the next global model");
        }

        rounds.Sum(round => Seconds(Phases(round)["round"])).ShouldBe(report.GetProperty("jobSeconds").GetDouble(), 0.5);
        report.GetProperty("speeds").EnumerateObject().ShouldAllBe(speed => speed.Value.GetDouble() > 1e6);
        JsonElement[] peaks = [.. report.GetProperty("peaks").EnumerateArray()];
        peaks.Select(peak => peak.GetProperty("process").GetString()).ShouldBe(["server", "site-1", "site-2"]);
        peaks.ShouldAllBe(peak => peak.GetProperty("peakBytes").GetInt64() > 1 << 20);
        Directory.GetFileSystemEntries(_folder["work"]).ShouldBeEmpty();
    }

    [Fact]
    public async Task Sites_that_write_out_what_they_receive_write_it_at_its_original_precision()
    {
        JsonElement lazily = await MeasureAsync("--sites", "2", "--precision", "nf4");
        JsonElement writtenOut = await MeasureAsync("--sites", "2", "--precision", "nf4", "--write-out");
        (Bytes(Return(writtenOut), "written") - Bytes(Return(lazily), "written")).ShouldBe(2 * MessageLength("fp32"));
        lazily.GetProperty("rounds")[0].GetProperty("useSeconds").GetDouble().ShouldBeLessThan(writtenOut.GetProperty("rounds")[0].GetProperty("useSeconds").GetDouble());
    }

    [Fact]
    public async Task A_round_waits_for_the_site_that_is_slow()
    {
        JsonElement report = await MeasureAsync("--sites", "2", "--sleep", "0.2", "--slow", "5");
        Seconds(Phases(report.GetProperty("rounds")[0])["round"]).ShouldBeGreaterThan(1);
    }

    [Theory]
    [InlineData(new[] { "--precision", "nf5" }, "nf5")]
    [InlineData(new[] { "--sites", "0" }, "from 1 to 1000")]
    [InlineData(new[] { "--rounds", "0" }, "at least 1")]
    [InlineData(new[] { "--exchange", "boat" }, "weights, delta")]
    [InlineData(new[] { "--slow", "0" }, "above 0")]
    [InlineData(new[] { "--work", "nowhere" }, "nowhere")]
    public async Task What_cannot_be_measured_is_said_before_anything_is_started(string[] arguments, string says)
    {
        ProgramResult run = await TributaryProgram.RunAsync(_folder.Path, Cancelled, ["bench", "aggregation", "--model", "model", .. arguments]);
        run.ExitCode.ShouldBe(2, run.Error);
        run.Error.ShouldContain(says);
        run.Output.ShouldBeEmpty();
    }

    private static JsonElement Return(JsonElement report) => Phases(report.GetProperty("rounds")[0])["return"];

    private static Dictionary<string, JsonElement> Phases(JsonElement round) =>
        round.GetProperty("phases").EnumerateArray().ToDictionary(phase => phase.GetProperty("phase").GetString()!, StringComparer.Ordinal);

    private static double Seconds(JsonElement phase) => phase.GetProperty("seconds").GetDouble();

    private static long Bytes(JsonElement phase, string what) => phase.GetProperty("bytes").GetProperty(what).GetInt64();

    private async Task<JsonElement> MeasureAsync(params string[] arguments)
    {
        ProgramResult run = await TributaryProgram.RunAsync(_folder.Path, Cancelled, ["bench", "aggregation", "--model", "model", "--work", "work", "--json", .. arguments]);
        run.ExitCode.ShouldBe(0, run.Error);
        using JsonDocument document = JsonDocument.Parse(run.Output);
        return document.RootElement.Clone();
    }

    private long MessageLength(string precision)
    {
        using Checkpoint model = Checkpoint.Open(_folder["model"]);
        return SizeTable.Of(model.Manifest).Single(size => size.Precision == precision).FileLength;
    }
}
