using System.Collections.Concurrent;
using Tributary.Federation.Jobs;
using Tributary.Federation.Tasks;
using Tributary.Server.Tests.Harness;
using Tributary.Tensors.Safetensors;
using Tributary.TestKit;

namespace Tributary.Server.Tests.Jobs;

public sealed class FederationTests
{
    [Theory]
    [InlineData(Exchange.Weights)]
    [InlineData(Exchange.Delta)]
    public async Task Three_sites_make_exactly_the_weighted_mean_of_their_updates(Exchange exchange)
    {
        using MemorySource initial = Models.Eighths();
        JobRecord record = null!;
        await using TestServer server = await TestServer.StartAsync();
        Job job = Models.Job("mean", "a", "b", "c") with { Exchange = exchange };
        await using RunningAgent a = server.Agent("a", new AddingExecutor(1, samples: 10));
        await using RunningAgent b = server.Agent("b", new AddingExecutor(2, samples: 10));
        await using RunningAgent c = server.Agent("c", new AddingExecutor(4, samples: 20));
        record = await server.Run(job, initial).Job;

        using SafetensorsFile last = SafetensorsFile.Open(record.LastModel!);
        const float PerRound = (0.25f * 1) + (0.25f * 2) + (0.5f * 4);
        last.ReadFloats("w").ShouldBe(initial.ReadFloats("w").Select(value => value + (3 * PerRound)));
        last.ReadFloats("b").ShouldBe(initial.ReadFloats("b").Select(value => value + (3 * PerRound)));
        record.Models.Select(model => model.Round).ShouldBe([0, 1, 2, 3]);
        record.Models.ShouldAllBe(model => model.Loss != null);
        record.Steps.Select(step => $"{step.Task} {step.Round}").ShouldBe(["train 1", "train 2", "train 3", "evaluate 4"]);
        record.Results.Count.ShouldBe(12);
        record.Results.Take(3).Select(result => (result.Site, result.Samples)).ShouldBe([("a", 10), ("b", 10), ("c", 20)]);
    }

    [Theory]
    [InlineData("nf4", "nf4")]
    [InlineData("int8", "fp16")]
    public async Task Every_site_holds_the_servers_shadow_byte_for_byte_after_every_round(string task, string result)
    {
        using MemorySource initial = Models.Gaussian();
        await using TestServer server = await TestServer.StartAsync();
        var seen = new ConcurrentDictionary<string, (byte[] Server, byte[] Site)>();
        AddingExecutor Watching(string site, float amount) => new(amount, 1)
        {
            Before = async (data, cancellationToken) =>
            {
                // The first one is the first message, as it was sent.
                string shadow = data.Round == 1
                    ? Path.Combine(server.Folder, "jobs", "shadow", "messages", "round-00001-0.safetensors")
                    : Path.Combine(server.Folder, "jobs", "shadow", "models", $"shadow-{data.Round:D5}-{data.Step}.safetensors");
                string held = Directory.GetFiles(Path.Combine(server.SiteFolder(site), "held"), "*.safetensors").ShouldHaveSingleItem();
                seen[$"{site} {data.Round}"] = (await File.ReadAllBytesAsync(shadow, cancellationToken), await File.ReadAllBytesAsync(held, cancellationToken));
            },
        };
        await using RunningAgent a = server.Agent("a", Watching("a", 0.001f));
        await using RunningAgent b = server.Agent("b", Watching("b", 0.003f));
        JobRecord record = await server.Run(Models.Job("shadow", "a", "b") with { Precision = new JobPrecision(task, result) }, initial).Job;

        seen.Keys.Order().ShouldBe(["a 1", "a 2", "a 3", "a 4", "b 1", "b 2", "b 3", "b 4"]);
        foreach ((string when, (byte[] atServer, byte[] atSite)) in seen)
        {
            atSite.AsSpan().SequenceEqual(atServer).ShouldBeTrue(when);
        }

        record.Steps.Skip(1).ShouldAllBe(step => step.Meaning.Base != null);
    }

    [Fact]
    public async Task The_three_streaming_modes_make_the_same_model_byte_for_byte()
    {
        using MemorySource initial = Models.Gaussian();
        var models = new List<byte[]>();
        foreach (Streaming streaming in Enum.GetValues<Streaming>())
        {
            await using TestServer server = await TestServer.StartAsync();
            await using RunningAgent a = server.Agent("a", new AddingExecutor(0.001f, 3));
            await using RunningAgent b = server.Agent("b", new AddingExecutor(0.004f, 5));
            Job job = Models.Job("modes", "a", "b") with { Precision = new JobPrecision("nf4", "nf4"), Streaming = streaming };
            JobRecord record = await server.Run(job, initial).Job;
            models.Add(await File.ReadAllBytesAsync(record.LastModel!, TestContext.Current.CancellationToken));
        }

        models[1].AsSpan().SequenceEqual(models[0]).ShouldBeTrue();
        models[2].AsSpan().SequenceEqual(models[0]).ShouldBeTrue();
    }

    [Fact]
    public async Task The_callers_initial_weights_can_still_be_read_when_the_job_is_over()
    {
        using var folder = new TempFolder();
        using MemorySource weights = Models.Eighths();
        new SafetensorsWriter(weights).WriteFile(folder["initial"], TestContext.Current.CancellationToken);
        using SafetensorsFile initial = SafetensorsFile.Open(folder["initial"]);
        await using TestServer server = await TestServer.StartAsync();
        await using RunningAgent a = server.Agent("a", new AddingExecutor(1, 1));
        await server.Run(Models.Job("first", "a"), initial).Job;
        await server.Run(Models.Job("second", "a"), initial).Job;
        initial.ReadTensor("w").ShouldBe(weights.ReadTensor("w"));
    }

    [Fact]
    public async Task Only_the_last_and_the_best_model_stay_and_nothing_of_the_spool()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        // The executor's loss is the distance of the first weight from 100; it falls to 45 steps of one in 3 rounds.
        await using RunningAgent a = server.Agent("a", new AddingExecutor(1, 1));
        JobRecord record = await server.Run(Models.Job("tidy", "a"), initial).Job;
        record.BestRound.ShouldBe(3);
        record.BestModel.ShouldBe(record.LastModel);
        string job = Path.Combine(server.Folder, "jobs", "tidy");
        Directory.GetFiles(Path.Combine(job, "spool")).ShouldBeEmpty();
        Directory.GetFiles(Path.Combine(job, "models"), "round-*").ShouldBe([record.LastModel!]);
        Directory.GetFiles(Path.Combine(job, "messages")).Length.ShouldBe(1);
    }

    [Fact]
    public async Task A_job_whose_model_gets_worse_gives_the_initial_one_as_the_best()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await using RunningAgent a = server.Agent("a", new AddingExecutor(-1, 1));
        JobRecord record = await server.Run(Models.Job("worse", "a"), initial).Job;
        record.BestRound.ShouldBe(0);
        record.BestModel.ShouldBeNull();
        File.Exists(record.LastModel!).ShouldBeTrue();
    }
}
