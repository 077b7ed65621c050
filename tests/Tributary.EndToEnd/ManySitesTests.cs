using System.Security.Cryptography;
using System.Text.Json;
using Tributary.TestKit;

namespace Tributary.EndToEnd;

/// <summary>The example of docs/SIMULATION.md as users run it: many sites of one file, a few of them at work at once.</summary>
public sealed class ManySitesTests : IDisposable
{
    private static readonly string Job = Path.Combine(Repository.Root, "samples", "many-sites", "job.yaml");

    private readonly TempFolder _folder = new();

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Twenty_sites_learn_together_and_how_many_work_at_once_changes_no_byte()
    {
        ProgramResult some = await RunAsync("some", "--parallel", "3");
        ProgramResult one = await RunAsync("one", "--parallel", "1");
        SHA256.HashData(File.ReadAllBytes(_folder["some/model/model.safetensors"])).ShouldBe(SHA256.HashData(File.ReadAllBytes(_folder["one/model/model.safetensors"])));
        some.Error.ShouldContain("at work at once");

        using JsonDocument summary = JsonDocument.Parse(one.Output);
        summary.RootElement.GetProperty("finalLoss").GetDouble().ShouldBeLessThan(summary.RootElement.GetProperty("initialLoss").GetDouble() - 0.3);
        JsonElement[] sites = [.. summary.RootElement.GetProperty("sites").EnumerateArray()];
        sites.Length.ShouldBe(20);

        // Every record is at one site, held out or trained on, and its site is told.
        using JsonDocument table = JsonDocument.Parse(File.ReadAllText(_folder["one/sites.json"]));
        JsonElement[] rows = [.. table.RootElement.GetProperty("sites").EnumerateArray()];
        rows.Sum(row => row.GetProperty("records").GetInt32()).ShouldBe(480);
        rows.ShouldAllBe(row => row.GetProperty("classes").EnumerateObject().Sum(field => field.Value.GetInt32()) == row.GetProperty("records").GetInt32());
        sites.Select(site => site.GetProperty("trainRecords").GetInt32() + site.GetProperty("heldOutRecords").GetInt32())
            .ShouldBe(rows.Select(row => row.GetProperty("records").GetInt32()));
    }

    [Fact]
    public async Task A_value_of_a_field_is_a_site_and_a_script_finds_its_records_in_a_file()
    {
        Assert.SkipUnless(Repository.IsCi || File.Exists("/usr/bin/python3"), "there is no /usr/bin/python3");
        await File.WriteAllTextAsync(
            _folder["train.py"],
            """
            import json, tributary
            for task in tributary.tasks():
                records = [json.loads(line) for line in open(task.data)]
                assert len(records) == 160 and len({record["category"] for record in records}) == 1
                metrics = {"received_loss": 1, "held_out_tokens": 10}
                if task.name == "evaluate":
                    task.send(metrics=metrics)
                else:
                    task.send(task.tensors(), samples=len(records), metrics=metrics)
            """,
            Cancelled);
        await File.WriteAllTextAsync(
            _folder["job.yaml"],
            $$"""
            name: by-field
            model: {{Repository.Root}}/samples/quickstart/model
            rounds: 1
            sites: { data: {{Repository.Root}}/samples/many-sites/records.jsonl, by: category }
            train: { trainer: script }
            trainers:
              script:
                command: [/usr/bin/python3, -SB, train.py]
                environment: { PYTHONPATH: {{Repository.Root}}/python }
            """,
            Cancelled);
        ProgramResult run = await TributaryProgram.RunAsync(_folder.Path, Cancelled, "simulate", "job.yaml", "--out", "out", "--parallel", "1", "--json");
        run.ExitCode.ShouldBe(0, run.Error);
        using JsonDocument summary = JsonDocument.Parse(run.Output);
        summary.RootElement.GetProperty("rounds")[0].GetProperty("sites").EnumerateArray().Select(site => site.GetProperty("samples").GetInt64()).ShouldBe([160, 160, 160]);
    }

    private async Task<ProgramResult> RunAsync(string folder, params string[] arguments)
    {
        ProgramResult run = await TributaryProgram.RunAsync(_folder.Path, Cancelled, ["simulate", Job, "--rounds", "1", "--out", folder, "--json", .. arguments]);
        run.ExitCode.ShouldBe(0, run.Error);
        return run;
    }
}
