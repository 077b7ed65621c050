using System.Text.Json;
using Tributary.TestKit;

namespace Tributary.EndToEnd;

/// <summary>
/// The quickstart with its one line changed: who moves from the trainer inside to PyTorch, or has sites of both, should get the same learning.
/// </summary>
public sealed class PyTorchQuickstartTests : IDisposable
{
    private const int Rounds = 3;

    private static readonly string Samples = Path.Combine(Repository.Root, "samples");

    private readonly TempFolder _folder = new();

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_trainer_inside_and_PyTorch_give_the_same_loss_curves()
    {
        RequireTorch();
        string job = File.ReadAllText(Path.Combine(Samples, "quickstart", "job.yaml"));
        double[][] curves = new double[2][];
        foreach ((string trainer, int place) in new[] { ("builtin", 0), ("pytorch", 1) })
        {
            // Full batches of fewer records, so that each step is the same whatever order they come in, and is done soon.
            string changed = Replace(job, "trainer: builtin ", $"trainer: {trainer} ");
            changed = Replace(changed, "batch_size: 8 ", "batch_size: 1000 ");
            changed = Replace(changed, "epochs: 2 ", "epochs: 4 ");
            changed = changed.Replace("    data: data/", "    records: 32\n    data: data/", StringComparison.Ordinal);
            curves[place] = await RunAsync(trainer, changed, "quickstart");
        }

        (curves[0][0] - curves[0][^1]).ShouldBeGreaterThan(0.5, "models that learn nothing agree always");
        for (int round = 0; round <= Rounds; round++)
        {
            curves[1][round].ShouldBe(curves[0][round], 1e-2, $"held-out loss after round {round}: {string.Join(" ", curves[0])} inside, {string.Join(" ", curves[1])} with PyTorch");
        }
    }

    [Fact]
    public async Task The_samples_own_job_trains_adapters_as_the_trainer_inside_does()
    {
        RequireTorch();
        string job = File.ReadAllText(Path.Combine(Samples, "pytorch-sft", "job.yaml"));
        job = job.Replace("{ data: ", "{ records: 32, data: ", StringComparison.Ordinal);
        double[] curve = await RunAsync("lora", job, "pytorch-sft");
        curve[^1].ShouldBeLessThan(curve[0] - 0.3, string.Join(" ", curve));
        string inside = Replace(Replace(job, "trainer: pytorch\n", "trainer: builtin\n"), "options: { bf16: false } ", string.Empty);
        double[] expected = await RunAsync("lora-inside", inside, "pytorch-sft");
        for (int round = 0; round <= Rounds; round++)
        {
            curve[round].ShouldBe(expected[round], 1e-2, $"held-out loss after round {round}: {string.Join(" ", expected)} inside, {string.Join(" ", curve)} with PyTorch");
        }

        File.ReadAllLines(_folder["lora/metrics.jsonl"]).ShouldContain(line => line.Contains("\"tokens_per_second\"", StringComparison.Ordinal));
    }

    private static void RequireTorch() =>
        Assert.SkipUnless(Repository.IsCi || Directory.Exists("/usr/lib/python3/dist-packages/torch"), "python3-torch is not installed");

    private static string Replace(string text, string old, string with)
    {
        text.Split(old).Length.ShouldBe(2, $"'{old}' should stand once in the job file");
        return text.Replace(old, with, StringComparison.Ordinal);
    }

    /// <summary>Runs a sample's job from a folder of the test's own beside which model, data, script and tributary.py lie as in the repository.</summary>
    /// <returns>The global model's held-out loss, from the initial one on.</returns>
    private async Task<double[]> RunAsync(string name, string job, string sample)
    {
        // The file lies elsewhere, so what is relative to it is named in full; Debian's Python, whatever python3 is on this machine.
        job = Replace(job, "command: [python3,", "command: [/usr/bin/python3,");
        job = job.Replace("../../python", Path.Combine(Repository.Root, "python"), StringComparison.Ordinal)
            .Replace("../quickstart/", Path.Combine(Samples, "quickstart") + "/", StringComparison.Ordinal)
            .Replace("../pytorch-sft/", Path.Combine(Samples, "pytorch-sft") + "/", StringComparison.Ordinal)
            .Replace(" train.py", " " + Path.Combine(Samples, "pytorch-sft", "train.py"), StringComparison.Ordinal);
        File.WriteAllText(_folder[name + ".yaml"], job);
        string[] arguments = ["simulate", name + ".yaml", "--rounds", $"{Rounds}", "--data", Path.Combine(Samples, sample), "--out", name, "--json"];
        ProgramResult run = await TributaryProgram.RunAsync(
            _folder.Path, Cancelled, [.. arguments, .. sample == "quickstart" ? new[] { "--model", Path.Combine(Samples, "quickstart", "model") } : []]);
        run.ExitCode.ShouldBe(0, run.Error);
        return [.. File.ReadLines(_folder[name + "/metrics.jsonl"]).Select(line => JsonDocument.Parse(line).RootElement)
            .Where(line => line.GetProperty("event").GetString() == "global_loss").OrderBy(line => line.GetProperty("round").GetInt32()).Select(line => line.GetProperty("loss").GetDouble())];
    }
}
