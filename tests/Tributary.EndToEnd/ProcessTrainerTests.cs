using System.Text.Json;
using Tributary.Federation.Jobs;
using Tributary.Federation.Tasks;
using Tributary.Simulation;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.EndToEnd;

/// <summary>A job whose sites train with a script of their own, as users run it.</summary>
public sealed class ProcessTrainerTests : IDisposable
{
    private const string Norm = "model.norm.weight";

    private const string Script = """
        import array, sys
        import tributary
        print("loading")
        for task in tributary.tasks():
            state = task.tensors()
            metrics = {"received_loss": 10 + state["model.norm.weight"].data.cast("f")[0], "held_out_tokens": 10}
            if task.name == "evaluate":
                task.send(metrics=metrics)
                continue
            amount = task.options["amount"] * (1 if task.site == "a" else 3)
            add = lambda raw: tributary.Raw(raw.dtype, raw.shape, array.array("f", [value + amount for value in raw.data.cast("f")]).tobytes())
            task.log(step=1, steps=1, loss=2)
            task.send({name: add(raw) for name, raw in state.items()}, samples=len(open(task.data).readlines()), metrics=metrics)
        """;

    private static readonly string Model = Path.Combine(Repository.Root, "samples", "quickstart", "model");

    private readonly TempFolder _folder = new();

    public ProcessTrainerTests()
    {
        Directory.CreateDirectory(_folder["records"]);
        File.WriteAllText(_folder["records/a.jsonl"], "{}\n{}\n{}\n");
        File.WriteAllText(_folder["records/b.jsonl"], "{}\n");
        File.WriteAllText(_folder["train.py"], Script);
        File.WriteAllText(_folder["job.yaml"], $$"""
            name: adding
            model: {{Model}}
            rounds: 2
            sites: { a: { data: records/a.jsonl }, b: { data: records/b.jsonl } }
            train: { trainer: script, options: { amount: 0.25 } }
            trainers:
              script:
                command: [/usr/bin/python3, -SB, train.py]
                options: [amount]
                environment: { PYTHONPATH: {{Path.Combine(Repository.Root, "python")}} }
            """);
    }

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_script_trains_the_same_model_as_the_same_arithmetic_inside_byte_for_byte()
    {
        Assert.SkipUnless(Repository.IsCi || File.Exists("/usr/bin/python3"), "there is no /usr/bin/python3");
        ProgramResult run = await TributaryProgram.RunAsync(Path.GetTempPath(), Cancelled, "simulate", _folder["job.yaml"], "--out", _folder["script"], "--json");
        run.ExitCode.ShouldBe(0, run.Error);

        var options = new SimulationOptions
        {
            File = JobFile.Parse(await File.ReadAllTextAsync(_folder["job.yaml"], Cancelled), "job.yaml"),
            ModelFolder = Model,
            DataFolder = _folder.Path,
            OutFolder = _folder["inside"],
            Executors = site => new Adder(site.Name == "a" ? 0.25f : 0.75f, site.Name == "a" ? 3 : 1),
        };
        using (FederationSimulation simulation = FederationSimulation.Prepare(options, TimeProvider.System))
        {
            await simulation.RunAsync(static _ => { }, Cancelled);
        }

        byte[] trained = await File.ReadAllBytesAsync(_folder["script/model/model.safetensors"], Cancelled);
        byte[] inside = await File.ReadAllBytesAsync(_folder["inside/model/model.safetensors"], Cancelled);
        byte[] initial = await File.ReadAllBytesAsync(Path.Combine(Model, "model.safetensors"), Cancelled);
        trained.AsSpan().SequenceEqual(inside).ShouldBeTrue();
        trained.AsSpan().SequenceEqual(initial).ShouldBeFalse();
        File.ReadAllText(_folder["script/logs/a.log"]).ShouldBe("loading\n", customMessage: "what a script prints goes to the site's log, and one process did both rounds");
        File.ReadLines(_folder["script/metrics.jsonl"]).ShouldContain(line => line.Contains("\"train_loss\":2,", StringComparison.Ordinal));
        Directory.Exists(_folder["script/state"]).ShouldBeFalse();
    }

    [Fact]
    public async Task A_script_that_fails_is_told_with_its_site_and_its_last_words()
    {
        Assert.SkipUnless(Repository.IsCi || File.Exists("/usr/bin/python3"), "there is no /usr/bin/python3");
        File.WriteAllText(_folder["train.py"], "raise SystemExit('no GPU here')");
        ProgramResult run = await TributaryProgram.RunAsync(Path.GetTempPath(), Cancelled, "simulate", _folder["job.yaml"], "--out", _folder["failed"]);
        run.ExitCode.ShouldNotBe(0);
        run.Error.ShouldContain("the trainer 'script' ended with exit code 1");
        run.Error.ShouldContain("no GPU here");
    }

    [Fact]
    public async Task The_round_goes_on_without_the_site_whose_trainer_was_killed_and_the_report_says_so()
    {
        Assert.SkipUnless(Repository.IsCi || File.Exists("/usr/bin/python3"), "there is no /usr/bin/python3");
        const string Death = "import os, signal\nimport tributary\nroot = tributary.tasks\ndef tasks():\n    for task in root():\n        "
            + "if task.site == 'b' and task.name == 'train' and task.round == 1: os.kill(os.getpid(), signal.SIGKILL)\n        yield task\ntributary.tasks = tasks\n";
        File.WriteAllText(_folder["train.py"], Death + Script);
        File.AppendAllText(_folder["job.yaml"], "\nmin_sites: 1\ntask_retries: 2\n");
        ProgramResult run = await TributaryProgram.RunAsync(Path.GetTempPath(), Cancelled, "simulate", _folder["job.yaml"], "--out", _folder["killed"], "--json");
        run.ExitCode.ShouldBe(0, run.Error);

        JsonElement rounds = JsonDocument.Parse(run.Output).RootElement.GetProperty("rounds");
        JsonElement left = rounds[0].GetProperty("leftOut").EnumerateArray().ShouldHaveSingleItem();
        left.GetProperty("site").GetString().ShouldBe("b");
        left.GetProperty("state").GetString().ShouldBe("failed");
        left.GetProperty("reason").GetString()!.ShouldContain("signal 9");
        left.GetProperty("reason").GetString()!.ShouldContain("(in 3 attempts)");
        rounds[0].GetProperty("sites").GetArrayLength().ShouldBe(1);
        rounds[1].GetProperty("sites").GetArrayLength().ShouldBe(2, "it is asked again in the next round");
        rounds[1].GetProperty("leftOut").GetArrayLength().ShouldBe(0);
        (await File.ReadAllTextAsync(_folder["killed/report.html"], Cancelled)).ShouldContain("Rounds that went on without a site, and why");
    }

    [Fact]
    public async Task A_job_that_asks_for_what_its_sites_do_not_offer_does_not_start()
    {
        File.WriteAllText(_folder["job.yaml"], File.ReadAllText(_folder["job.yaml"]).Replace("trainer: script", "trainer: skript", StringComparison.Ordinal));
        ProgramResult run = await TributaryProgram.RunAsync(Path.GetTempPath(), Cancelled, "simulate", _folder["job.yaml"], "--out", _folder["refused"]);
        run.ExitCode.ShouldBe(2);
        run.Error.ShouldContain("there is no trainer 'skript'; offered are builtin, script");
        Directory.Exists(_folder["refused"]).ShouldBeFalse();
    }

    /// <summary>The script's arithmetic.</summary>
    private sealed class Adder(float amount, long samples) : Executor
    {
        public override Task<TaskResult> ExecuteAsync(TaskData task, IProgress<TaskProgress> progress, CancellationToken cancellationToken)
        {
            var metrics = new Dictionary<string, double> { [MetricNames.ReceivedLoss] = 10 + task.Model.ReadFloats(Norm)[0], [MetricNames.HeldOutTokens] = 10 };
            if (task.Name == TaskNames.Evaluate)
            {
                return Task.FromResult(new TaskResult(null, 0, metrics));
            }

            JsonElement option = task.Job.Train.Options["amount"];
            option.GetDouble().ShouldBe(0.25);
            var model = new MemorySource([.. task.Model.Manifest.Select(entry => MemorySource.F32(
                entry.Spec.Name, [.. entry.Spec.Shape], [.. task.Model.ReadFloats(entry.Spec.Name).Select(value => value + amount)]))]);
            return Task.FromResult(new TaskResult(model, samples, metrics));
        }
    }
}
