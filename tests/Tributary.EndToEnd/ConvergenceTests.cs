using System.Text.Json;
using Tributary.TestKit;

namespace Tributary.EndToEnd;

/// <summary>The experiments that tell users which precision to take, run as a user runs them, in small.</summary>
public sealed class ConvergenceTests : IDisposable
{
    private static readonly string Quickstart = Path.Combine(Repository.Root, "samples", "quickstart");

    private readonly TempFolder _folder = new();

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Settings_are_compared_by_their_losses_and_bytes_and_one_site_alone_learns_as_central_training_does()
    {
        File.WriteAllText(_folder["spec.yaml"], $$"""
            name: small
            job: {{Path.Combine(Quickstart, "job.yaml")}}
            seeds: [1, 2]
            all:
              rounds: 2
              sites:
                clinic: { data: data/clinic.jsonl, records: 80 }
                bank: { data: data/bank.jsonl, records: 80 }
            settings:
              central: { central: true }
              one site: { pooled: true, precision: fp32, exchange: weights, train: { optimizer_state: keep }, against: central }
              int2: { precision: int2, against: one site, bytes_max: 20 }
              too few: { precision: int2, against: one site, bytes_max: 1 }
            """);
        string[] arguments = ["bench", "convergence", _folder["spec.yaml"], "--model", Path.Combine(Quickstart, "model"), "--data", Quickstart, "--out", _folder["out"], "--parallel", "2"];
        ProgramResult run = await TributaryProgram.RunAsync(Repository.Root, Cancelled, [.. arguments, "--json"]);
        run.ExitCode.ShouldBe(1, "one of the settings sends more than it is held to\n" + run.Error);
        using JsonDocument report = JsonDocument.Parse(run.Output);
        JsonElement[] settings = [.. report.RootElement.GetProperty("settings").EnumerateArray()];
        settings.Select(setting => setting.GetProperty("name").GetString()).ShouldBe(["central", "one site", "int2", "too few"]);

        // The same records in other orders: as near as two orders are, and not the same.
        settings[1].GetProperty("regret").GetProperty("mean").GetDouble().ShouldBe(0, 0.05);
        settings[0].GetProperty("byteShare").ValueKind.ShouldBe(JsonValueKind.Null);
        settings[1].GetProperty("byteShare").GetDouble().ShouldBe(1, 1e-9);

        // Five messages a site, of which the first is in nf4.
        settings[2].GetProperty("byteShare").GetDouble().ShouldBe((0.1406 + (4 * 0.0703)) / 5, 0.001);
        settings[3].GetProperty("failures").EnumerateArray().ShouldContain(failure => failure.GetString()!.Contains("of the bytes of fp32, above 1 %"));
        settings[3].GetProperty("runs")[0].GetProperty("losses").GetArrayLength().ShouldBe(3);
        File.ReadAllText(_folder["out/report.html"]).ShouldContain("<th scope=\"row\">too few</th>");

        // What has run is not run again, and gives the same.
        ProgramResult again = await TributaryProgram.RunAsync(Repository.Root, Cancelled, arguments);
        again.ExitCode.ShouldBe(1);
        again.Error.ShouldContain("kept from before");
        again.Output.ShouldContain("too few");
    }

    [Fact]
    public async Task Sensitivities_are_measured_and_a_job_spends_its_bytes_by_them()
    {
        string data = Path.Combine(Quickstart, "data", "clinic.jsonl");
        ProgramResult measured = await TributaryProgram.RunAsync(
            _folder["."], Cancelled, "sensitivity", "--model", Path.Combine(Quickstart, "model"), "--data", data, "--records", "12", "--precision", "nf4", "int2", "--out", _folder["measured"]);
        measured.ExitCode.ShouldBe(0, measured.Error);
        measured.Output.ShouldContain("The 10 most sensitive of");
        using JsonDocument figures = JsonDocument.Parse(File.ReadAllText(_folder["measured/sensitivity.json"]));
        JsonElement embedding = figures.RootElement.GetProperty("tensors").EnumerateArray().Single(tensor => tensor.GetProperty("kind").GetString() == "model.embed_tokens");
        JsonElement[] effects = [.. embedding.GetProperty("precisions").EnumerateArray()];
        effects[1].GetProperty("squaredError").GetDouble().ShouldBeGreaterThan(10 * effects[0].GetProperty("squaredError").GetDouble(), "two bits of it lose more than four");
        effects.ShouldAllBe(effect => effect.GetProperty("rise").GetDouble() != 0);
        File.ReadAllText(_folder["measured/report.html"]).ShouldContain("<table class=\"heat\">");

        File.WriteAllText(_folder["job.yaml"], File.ReadAllText(Path.Combine(Quickstart, "job.yaml"))
            .Replace("precision: nf4", "precision: { budget: 3 %, sensitivity: measured/sensitivity.json }", StringComparison.Ordinal));
        ProgramResult run = await TributaryProgram.RunAsync(
            _folder["."], Cancelled, "simulate", _folder["job.yaml"], "--model", Path.Combine(Quickstart, "model"), "--data", Quickstart, "--rounds", "1", "--out", _folder["run"], "--json");
        run.ExitCode.ShouldBe(0, run.Error);
        using JsonDocument summary = JsonDocument.Parse(run.Output);
        double up = summary.RootElement.GetProperty("bytesUp").GetDouble() / summary.RootElement.GetProperty("fp32BytesUp").GetDouble();
        up.ShouldBeInRange(0.02, 0.04, "three percent, and the headers of a small model");
    }
}
