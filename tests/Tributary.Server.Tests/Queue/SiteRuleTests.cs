using System.Text.Json;
using Tributary.Client;
using Tributary.Codecs;
using Tributary.Federation.Aggregation;
using Tributary.Federation.Jobs;
using Tributary.Federation.Tasks;
using Tributary.Federation.Wire;
using Tributary.Provisioning;
using Tributary.Server.Tests.Harness;
using Tributary.Site;
using Tributary.Site.Rules;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;
using Tributary.TestKit;

namespace Tributary.Server.Tests.Queue;

/// <summary>Sites are in charge: whatever an administrator signed and a server asks, a clinic's own rules hold, and everybody is told why.</summary>
public sealed class SiteRuleTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("submitters", "job 'demo' is of admin/alice, and this site takes jobs of admin/zoe only")]
    [InlineData("jobs", "this site takes jobs named llama-*, q only, and this one is 'demo'")]
    [InlineData("model_bytes_max", "the model of job 'demo' has 707 parameters, and this site takes at most 2.82 kB of them as fp32, 705")]
    public async Task What_a_site_does_not_take_fails_with_the_rule_before_anything_is_fetched(string rule, string says)
    {
        SiteRules rules = rule switch
        {
            "submitters" => new SiteRules { Submitters = [new Party(PartyRole.Admin, "zoe")] },
            "jobs" => new SiteRules { Jobs = ["llama-*", "q"] },
            _ => new SiteRules { ModelBytesMax = 2820 },
        };
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync();
        var executor = new AddingExecutor(1, 1);
        var log = new ListLogger();
        await using RunningAgent a = server.Agent("a", executor, logger: log, change: options => options with { Rules = rules });
        JobDocument ended = await server.RunAsync(Models.Job("demo", "a"), initial);
        ended.Line.State.ShouldBe(JobState.Failed);
        ended.Line.Reason!.ShouldContain(says);
        (await log.UntilAsync(says, Cancel)).ShouldContain("failed");
        IReadOnlyList<EventDocument> events = await server.Admin().EventsAsync("demo", 0, TimeSpan.Zero, Cancel);
        events.ShouldContain(happened => happened.Kind == "task-failed" && happened.Site == "a" && happened.Text.Contains(says));
        executor.Done.ShouldBeEmpty();
        Directory.GetFiles(server.SiteFolder("a"), "message-*").ShouldBeEmpty();
    }

    [Fact]
    public async Task What_a_site_takes_it_does()
    {
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync();
        var rules = new SiteRules { Submitters = [new Party(PartyRole.Admin, "alice")], Jobs = ["de*"], ModelBytesMax = 4 * 707 };
        await using RunningAgent a = server.Agent("a", new AddingExecutor(1, 1), change: options => options with { Rules = rules });
        (await server.RunAsync(Models.Job("demo", "a"), initial)).Line.State.ShouldBe(JobState.Finished);
    }

    [Fact]
    public async Task A_model_that_is_larger_than_its_submitter_claims_is_not_trained()
    {
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync();
        var executor = new AddingExecutor(1, 1);
        await using RunningAgent a = server.Agent("a", executor, change: options => options with { Rules = new SiteRules { ModelBytesMax = 100 } });
        using Kit alice = server.Project.Open("admin/alice");
        string text = new JobStatement(Models.Job("demo", "a"), new InitialModel($"sha256:{new string('a', 64)}", 4, "small", 1), DateTimeOffset.UnixEpoch).ToText();
        PartySignature signed = PartySignature.Sign(JobStatement.MediaType, text, alice);
        Federation.Workflows.JobFailedException failed = await Should.ThrowAsync<Federation.Workflows.JobFailedException>(server.Server.RunJobAsync(
            Models.Job("demo", "a"), new SignedJobDocument(signed.Text, signed.Signature, signed.Certificate), Federation.Workflows.Controllers.Create("fedavg"), initial, static _ => { }, Cancel));
        failed.Message.ShouldContain("has 707 parameters, and this site takes at most 100 B of them as fp32, 25");
        executor.Done.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_trainer_that_the_site_does_not_offer_is_refused_by_name_before_a_person_is_bothered()
    {
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync();
        var file = new SiteFile
        {
            Options = new SiteOptions { Name = "a", Folder = server.SiteFolder("a"), Server = server.Address },
            OffersBuiltin = false,
            Trainers = [new SiteTrainerOffer(new TrainerOffer { Name = "pytorch", Command = ["python3"] }, DataPath: null)],
        };
        using var trainer = new SiteTrainer(file, TimeProvider.System);
        await using RunningAgent a = server.Agent("a", trainer, change: options => options with { Rules = new SiteRules { NeedsApproval = true } });
        (await server.RunAsync(Models.Job("demo", "a"), initial)).Line.Reason!.ShouldContain("there is no trainer 'builtin'; offered are pytorch");
        new JobApprovals(server.SiteFolder("a")).List().ShouldBeEmpty();
    }

    [Fact]
    public async Task Each_job_gets_the_trainer_that_it_names_with_that_trainers_own_data_also_where_jobs_take_turns()
    {
        const string Python = "/usr/bin/python3";
        Assert.SkipUnless(Repository.IsCi || File.Exists(Python), $"there is no {Python}");
        using MemorySource initial = Models.Eighths();
        using var folder = new TempFolder();
        await using SecureServer server = await SecureServer.StartAsync();

        // Adds as much as the option says for each record that it sees.
        await File.WriteAllTextAsync(folder["train.py"], """
            import array
            import tributary
            for task in tributary.tasks():
                state = task.tensors()
                amount = task.options["each"] * len(open(task.data).readlines())
                add = lambda raw: tributary.Raw(raw.dtype, raw.shape, array.array("f", [value + amount for value in raw.data.cast("f")]).tobytes())
                metrics = {"received_loss": 1, "held_out_tokens": 1}
                task.send({name: add(raw) for name, raw in state.items()} if task.name == "train" else None, samples=1, metrics=metrics)
            """, Cancel);
        await File.WriteAllTextAsync(folder["one.jsonl"], "{}\n", Cancel);
        await File.WriteAllTextAsync(folder["three.jsonl"], "{}\n{}\n{}\n", Cancel);
        var offer = new TrainerOffer
        {
            Name = "first",
            // Without the installed packages Python starts in a fraction of the time, and tensors are raw bytes.
            Command = [Python, "-SB", folder["train.py"]],
            Options = ["each"],
            Environment = new Dictionary<string, string> { ["PYTHONPATH"] = Path.Combine(Repository.Root, "python") },
        };
        var file = new SiteFile
        {
            Options = new SiteOptions { Name = "a", Folder = server.SiteFolder("a"), Server = server.Address },
            DataPath = folder["one.jsonl"],
            ModelFolder = folder.Path,
            Trainers = [new SiteTrainerOffer(offer, DataPath: null), new SiteTrainerOffer(offer with { Name = "second" }, folder["three.jsonl"])],
        };
        using var trainer = new SiteTrainer(file, TimeProvider.System);
        await using RunningAgent a = server.Agent("a", trainer);
        (string Name, float Adds)[] jobs = [("first", 1), ("second", 3)];
        foreach ((string name, _) in jobs)
        {
            var train = new JobTraining { Trainer = name, Options = new Dictionary<string, JsonElement> { ["each"] = JsonElement.Parse("1") } };
            await server.Admin().SubmitAsync(Models.Job(name, "a") with { Train = train }, "model", initial, progress: null, Cancel);
        }

        foreach ((string name, float adds) in jobs)
        {
            JobDocument ended = await server.EndOfAsync(name);
            ended.Line.State.ShouldBe(JobState.Finished, ended.Line.Reason);
            await server.Admin().DownloadModelAsync(name, best: false, folder[$"{name}.safetensors"], progress: null, Cancel);
            using var last = SafetensorsFile.Open(folder[$"{name}.safetensors"]);
            last.ReadFloats("w")[0].ShouldBe(initial.ReadFloats("w")[0] + (3 * adds), name);
        }
    }

    [Fact]
    public async Task Outside_its_hours_a_site_begins_nothing_says_so_and_lives_and_what_runs_goes_on()
    {
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync();
        var clock = new ShiftedTime();
        clock.SetTo(new TimeOnly(12, 0));
        var gate = new TaskCompletionSource();
        var executor = new AddingExecutor(1, 1) { Before = (task, token) => task.Round == 1 ? gate.Task.WaitAsync(token) : Task.CompletedTask };
        var rules = new SiteRules { Hours = new OpenHours(new TimeOnly(20, 0), new TimeOnly(6, 0), TimeZoneInfo.Utc) };
        await using RunningAgent a = server.Agent("a", executor, change: options => options with { Rules = rules }, time: clock);
        Job job = Models.Job("demo", "a") with { Rounds = 2, SiteTimeout = TimeSpan.FromSeconds(2) };
        await server.Admin().SubmitAsync(job, "model", initial, progress: null, Cancel);
        JobDocument waiting = await server.UntilAsync("demo", now => now.Sites[0].Note is not null);
        (waiting.Sites[0].Phase, waiting.Sites[0].Note).ShouldBe((TaskPhase.Waiting, "the site takes tasks from 20:00 to 06:00 (UTC), so none before 20:00"));
        executor.Done.ShouldBeEmpty();

        clock.SetTo(new TimeOnly(23, 0));
        await server.UntilAsync("demo", _ => !executor.Done.IsEmpty);
        clock.SetTo(new TimeOnly(9, 0));
        gate.SetResult();
        waiting = await server.UntilAsync("demo", now => now.Line.Round == 2 && now.Sites[0].Note is not null);

        // Round 1 was trained to its end in the morning, and round 2 waits for the evening.
        executor.Done.ShouldBe(["train 1"]);
        clock.SetTo(new TimeOnly(20, 0));
        (await server.EndOfAsync("demo")).Line.State.ShouldBe(JobState.Finished);
    }

    [Theory]
    [InlineData(Exchange.Delta)]
    [InlineData(Exchange.Weights)]
    public async Task A_sites_filters_hold_whatever_the_job_says(Exchange exchange)
    {
        using MemorySource initial = Models.Eighths();
        using var folder = new TempFolder();
        await using SecureServer server = await SecureServer.StartAsync();
        var filters = new SiteFilters { Exclude = ["b"], ClipNorm = 1, QuantizeAtLeast = Precision.Int8b };
        await using RunningAgent a = server.Agent("a", new AddingExecutor(1, 1), change: options => options with { Filters = filters });
        JobDocument ended = await server.RunAsync(Models.Job("demo", "a") with { Rounds = 1, Exchange = exchange }, initial);
        ended.Line.State.ShouldBe(JobState.Finished, ended.Line.Reason);
        await server.Admin().DownloadModelAsync("demo", best: false, folder["last.safetensors"], progress: null, Cancel);
        using var last = SafetensorsFile.Open(folder["last.safetensors"]);
        using TensorSource change = new DeltaSource(last, initial);
        double norm = UpdateNorm.Of(change, Cancel);
        if (exchange == Exchange.Delta)
        {
            // 700 equal elements of a change with the norm 1, to within what eight bits keep.
            last.ReadFloats("b").ShouldBe(initial.ReadFloats("b"));
            norm.ShouldBeInRange(0.99, 1.0001);
        }
        else
        {
            // Weights leave in eight bits: what was excluded is what was received, in these.
            using TensorSource kept = new Federation.Filters.CoarsenFilter(Precision.Int8b).Apply(initial);
            last.ReadFloats("b").ShouldBe(kept.ReadFloats("b"));
        }
    }

    [Fact]
    public async Task When_everything_a_job_trains_is_excluded_it_is_told_so()
    {
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync();
        await using RunningAgent a = server.Agent("a", new AddingExecutor(1, 1), change: options => options with { Filters = new SiteFilters { Exclude = ["*"] } });
        (await server.RunAsync(Models.Job("demo", "a"), initial)).Line.Reason!.ShouldContain("excludes every tensor that job 'demo' trains");
    }

    [Fact]
    public void Rules_about_jobs_cannot_be_given_to_a_site_that_could_not_keep_them()
    {
        using var folder = new TempFolder();
        using var executor = new AddingExecutor(1, 1);
        var options = new SiteOptions { Name = "a", Folder = folder.Path, Server = new Uri("http://localhost"), Rules = new SiteRules { NeedsApproval = true } };
        Should.Throw<ArgumentException>(() => new SiteAgent(options, executor, TimeProvider.System, new Random(1))).Message.ShouldContain("only where jobs are signed");
    }
}
