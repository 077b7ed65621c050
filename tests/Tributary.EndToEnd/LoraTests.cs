using System.Security.Cryptography;
using System.Text.Json;
using Tributary.TestKit;

namespace Tributary.EndToEnd;

/// <summary>Adapters of a public model, trained by the three sites of samples/lora, shortened to few records and rounds.</summary>
public sealed class LoraTests : IDisposable
{
    private static readonly string Sample = Path.Combine(Repository.Root, "samples", "lora", "job.yaml");

    private readonly TempFolder _folder = new();

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Adapters_of_stories260K_learn_send_under_a_tenth_of_the_bytes_of_all_weights_and_merge_into_a_model_that_generates()
    {
        string model = BaseModel();
        string adapters = WriteJob("adapters", text => text);
        string weights = WriteJob("weights", text => text[..text.IndexOf("  lora:", StringComparison.Ordinal)].Replace("learning_rate: 0.01", "learning_rate: 0.001", StringComparison.Ordinal));
        using JsonDocument lora = await SimulateAsync(adapters, "--model", model, "--rounds", "2");
        using JsonDocument full = await SimulateAsync(weights, "--model", model, "--rounds", "2");

        // It learns, ...
        double initial = lora.RootElement.GetProperty("initialLoss").GetDouble();
        lora.RootElement.GetProperty("finalLoss").GetDouble().ShouldBeLessThan(initial - 0.2);
        initial.ShouldBe(full.RootElement.GetProperty("initialLoss").GetDouble(), 0.02, "fresh adapters leave the model as it is");

        // ... sends little, both ways, ...
        foreach (string direction in new[] { "bytesDown", "bytesUp" })
        {
            long all = full.RootElement.GetProperty(direction).GetInt64();
            lora.RootElement.GetProperty(direction).GetInt64().ShouldBeInRange(1, all / 10, direction);
        }

        // ... and what comes out is of use: PEFT's two files, which merge into a checkpoint that talks otherwise than its base.
        string adapter = lora.RootElement.GetProperty("paths").GetProperty("model").GetString()!;
        Directory.GetFiles(adapter).Select(Path.GetFileName).Order().ShouldBe(["adapter_config.json", "adapter_model.safetensors"]);
        ProgramResult merge = await TributaryProgram.RunAsync(_folder.Path, Cancelled, "model", "merge", "--base", model, "--adapter", adapter, "--out", "merged", "--json");
        merge.ExitCode.ShouldBe(0, merge.Error);
        JsonDocument.Parse(merge.Output).RootElement.GetProperty("adapted").GetInt32().ShouldBe(10);
        string tuned = await GenerateAsync("merged");
        tuned.Length.ShouldBeGreaterThan(10);
        tuned.ShouldNotBe(await GenerateAsync(model));
    }

    [Fact]
    public async Task A_run_of_adapters_that_was_killed_goes_on_and_gives_the_adapters_of_an_undisturbed_one_byte_for_byte()
    {
        // With all that has a memory: the optimizer that is kept, dropout's draws, the schedule, and checkpoints within a round.
        string job = WriteJob("killed", text => text.Replace("optimizer_state: keep", "checkpoint_every: 2\n  optimizer_state: keep", StringComparison.Ordinal));
        using JsonDocument undisturbed = await SimulateAsync(job, "--rounds", "2", "--out", "undisturbed");
        foreach (string round in new[] { "round 1: ", "round 2: " })
        {
            ProgramResult killed = await TributaryProgram.RunAsync(
                _folder.Path, line => line.Contains(round, StringComparison.Ordinal), Cancelled, "simulate", job, "--rounds", "2", "--out", "killed", "--json");
            killed.ExitCode.ShouldNotBe(0);
        }

        using JsonDocument resumed = await SimulateAsync(job, "--rounds", "2", "--out", "killed");
        foreach (string model in new[] { "model", "best" })
        {
            Digest($"killed/{model}").ShouldBe(Digest($"undisturbed/{model}"), model);
        }
    }

    [Fact]
    public async Task A_base_that_is_not_the_one_the_job_names_is_refused_before_anything_is_sent()
    {
        string job = WriteJob("other", text => text.Replace("rank: 4 ", $"base: 'sha256:{new string('0', 64)}'\n    rank: 4 ", StringComparison.Ordinal));
        ProgramResult run = await TributaryProgram.RunAsync(_folder.Path, Cancelled, "simulate", job, "--out", "run");
        run.ExitCode.ShouldBe(2);
        run.Error.ShouldContain($"but train.lora.base in the job file is sha256:{new string('0', 64)}; give that model with --model, or mend the job file");
        Directory.Exists(_folder["run/state"]).ShouldBeFalse();
    }

    private static string BaseModel()
    {
        string? model = Repository.Shared("models/stories260K");
        Assert.SkipWhen(model is null, "the folder of public models is not beside the project");
        return model;
    }

    /// <summary>The sample's job with few records of each site and absolute paths, changed as the test needs it.</summary>
    private string WriteJob(string name, Func<string, string> change)
    {
        string samples = Path.Combine(Repository.Root, "samples");
        string text = File.ReadAllText(Sample).Replace("../", samples + "/", StringComparison.Ordinal).Replace(".jsonl", ".jsonl\n    records: 60", StringComparison.Ordinal);
        File.WriteAllText(_folder[name + ".yaml"], change(text.Replace("name: lora", "name: " + name, StringComparison.Ordinal)));
        return _folder[name + ".yaml"];
    }

    private async Task<JsonDocument> SimulateAsync(string job, params string[] arguments)
    {
        ProgramResult run = await TributaryProgram.RunAsync(_folder.Path, Cancelled, ["simulate", job, "--json", .. arguments]);
        run.ExitCode.ShouldBe(0, run.Error);
        return JsonDocument.Parse(run.Output);
    }

    private async Task<string> GenerateAsync(string model)
    {
        ProgramResult run = await TributaryProgram.RunAsync(
            _folder.Path, Cancelled, "generate", "--model", model, "--prompt", "I want to choose a new PIN. What is necessary?", "--instruction", "--tokens", "40", "--json");
        run.ExitCode.ShouldBe(0, run.Error);
        return JsonDocument.Parse(run.Output).RootElement.GetProperty("text").GetString()!;
    }

    private string Digest(string folder) => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(Path.Combine(_folder[folder], "adapter_model.safetensors"))));
}
