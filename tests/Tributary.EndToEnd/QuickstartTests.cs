using System.Security.Cryptography;
using System.Text.Json;
using Tributary.TestKit;

namespace Tributary.EndToEnd;

/// <summary>The first thing a new user does, as a process of its own, shortened to few rounds.</summary>
public sealed class QuickstartTests : IDisposable
{
    private static readonly string Job = Path.Combine(Repository.Root, "samples", "quickstart", "job.yaml");

    private readonly TempFolder _folder = new();

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_quickstart_learns_and_leaves_models_metrics_and_a_report()
    {
        ProgramResult run = await TributaryProgram.RunAsync(_folder.Path, Cancelled, "simulate", Job, "--rounds", "2", "--json");
        run.ExitCode.ShouldBe(0, run.Error);
        using JsonDocument summary = JsonDocument.Parse(run.Output);
        JsonElement root = summary.RootElement;
        double initial = root.GetProperty("initialLoss").GetDouble();
        root.GetProperty("finalLoss").GetDouble().ShouldBeLessThan(initial - 0.3);
        root.GetProperty("bytesDown").GetInt64().ShouldBeLessThan(root.GetProperty("fp32BytesDown").GetInt64() / 5);
        root.GetProperty("bytesUp").GetInt64().ShouldBeLessThan(root.GetProperty("fp32BytesUp").GetInt64() / 5);
        root.GetProperty("peakRssBytes").GetInt64().ShouldBeGreaterThan(0);
        root.GetProperty("seconds").GetDouble().ShouldBeGreaterThan(0);
        JsonElement[] rounds = [.. root.GetProperty("rounds").EnumerateArray()];
        rounds.Length.ShouldBe(2);
        rounds[0].GetProperty("sites").EnumerateArray().Select(site => site.GetProperty("site").GetString()).ShouldBe(["bank", "clinic", "workshop"]);
        rounds[0].GetProperty("sites")[0].GetProperty("localLoss").GetDouble().ShouldBeLessThan(rounds[0].GetProperty("sites")[0].GetProperty("receivedLoss").GetDouble());

        JsonElement paths = root.GetProperty("paths");
        File.ReadAllText(paths.GetProperty("report").GetString()!).ShouldContain("</html>");
        File.ReadLines(paths.GetProperty("metrics").GetString()!).Count(line => line.Contains("\"global_loss\"", StringComparison.Ordinal)).ShouldBe(3);
        foreach (string model in new[] { "model", "bestModel" })
        {
            string folder = paths.GetProperty(model).GetString()!;
            File.Exists(Path.Combine(folder, "config.json")).ShouldBeTrue();
            ProgramResult generated = await TributaryProgram.RunAsync(_folder.Path, Cancelled, "generate", "--model", folder, "--prompt", "How do I", "--tokens", "8");
            generated.ExitCode.ShouldBe(0, generated.Error);
            generated.Output.ShouldStartWith("How do I");
        }

        Directory.GetFiles(Path.Combine(_folder.Path, "out", "quickstart", "tensorboard"), "*tfevents*", SearchOption.AllDirectories).Length.ShouldBe(4, "the global model's curves, and each site's");
        Directory.Exists(Path.Combine(_folder.Path, "out", "quickstart", "state")).ShouldBeFalse("the state of a finished run only takes space");
        Directory.EnumerateFileSystemEntries(_folder.Path, "*.partial", SearchOption.AllDirectories).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_run_that_was_killed_goes_on_and_gives_the_model_of_an_undisturbed_one_byte_for_byte()
    {
        string[] arguments = ["simulate", Job, "--rounds", "2", "--json", "--out"];
        ProgramResult undisturbed = await TributaryProgram.RunAsync(_folder.Path, Cancelled, [.. arguments, "undisturbed"]);
        undisturbed.ExitCode.ShouldBe(0, undisturbed.Error);

        // Killed once within each round: when the first site of the first round is done, and then of the second.
        foreach (string round in new[] { "round 1: ", "round 2: " })
        {
            ProgramResult killed = await TributaryProgram.RunAsync(_folder.Path, line => line.Contains(round, StringComparison.Ordinal), Cancelled, [.. arguments, "killed"]);
            killed.ExitCode.ShouldNotBe(0);
            File.Exists(_folder["killed/report.html"]).ShouldBeFalse();
        }

        ProgramResult resumed = await TributaryProgram.RunAsync(_folder.Path, Cancelled, [.. arguments, "killed"]);
        resumed.ExitCode.ShouldBe(0, resumed.Error);
        resumed.Error.ShouldNotContain("round 1: ", customMessage: "what was counted is not asked for again");
        Digest("killed/model").ShouldBe(Digest("undisturbed/model"));
        Digest("killed/best").ShouldBe(Digest("undisturbed/best"));
    }

    [Fact]
    public async Task A_16_bit_model_comes_out_in_its_own_type()
    {
        string model = Path.Combine(Repository.Root, "samples", "quickstart", "model");
        (await TributaryProgram.RunAsync(_folder.Path, Cancelled, "model", "dequantize", model, "half", "--dtype", "BF16")).ExitCode.ShouldBe(0);
        ProgramResult run = await TributaryProgram.RunAsync(_folder.Path, Cancelled, "simulate", Job, "--model", "half", "--rounds", "1", "--out", "run", "--json");
        run.ExitCode.ShouldBe(0, run.Error);
        ProgramResult inspected = await TributaryProgram.RunAsync(_folder.Path, Cancelled, "model", "inspect", "run/model", "--json");
        using JsonDocument document = JsonDocument.Parse(inspected.Output);
        document.RootElement.GetProperty("entries").EnumerateArray().ShouldAllBe(entry => entry.GetProperty("dtype").GetString() == "BF16");
    }

    [Fact]
    public async Task A_folder_of_the_users_own_files_is_never_taken_for_a_run()
    {
        Directory.CreateDirectory(_folder["mine/model"]);
        File.WriteAllText(_folder["mine/model/model.safetensors"], "precious");
        ProgramResult run = await TributaryProgram.RunAsync(_folder.Path, Cancelled, "simulate", Job, "--out", "mine");
        run.ExitCode.ShouldBe(2);
        run.Error.ShouldContain("holds files that are not a run's");
        Directory.GetFiles(_folder["mine"], "*", SearchOption.AllDirectories).ShouldBe([_folder["mine/model/model.safetensors"]]);
        File.ReadAllText(_folder["mine/model/model.safetensors"]).ShouldBe("precious");
    }

    [Fact]
    public async Task A_finished_run_is_not_overwritten()
    {
        Directory.CreateDirectory(_folder["done"]);
        File.WriteAllText(_folder["done/summary.json"], "{}");
        ProgramResult run = await TributaryProgram.RunAsync(_folder.Path, Cancelled, "simulate", Job, "--out", "done");
        run.ExitCode.ShouldBe(2);
        run.Error.ShouldContain("finished run");
    }

    private string Digest(string folder) => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(_folder[folder + "/model.safetensors"])));
}
