using System.Text.Json;
using Tributary.Codecs.Benchmarks;
using Tributary.Federation.Workflows;
using Tributary.Simulation.Streaming;
using Tributary.Simulation.Experiments.Processes;
using Tributary.Tensors.Checkpoints;
using Tributary.TestKit;
using StreamingMode = Tributary.Federation.Jobs.Streaming;

namespace Tributary.EndToEnd.Streaming;

/// <summary>The streaming experiment, as processes of their own: its figures are ones to believe, and it leaves nothing behind.</summary>
public sealed class StreamingBenchTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public StreamingBenchTests()
    {
        StreamingModel.Write(_folder["model"]);
        Directory.CreateDirectory(_folder["work"]);
    }

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Figures_of_all_modes_are_there_and_add_up()
    {
        ProgramResult run = await RunAsync("--precision", "nf4", "--round-trip", "--sites", "2", "--runs", "1");
        run.ExitCode.ShouldBe(0, run.Error);
        using JsonDocument document = JsonDocument.Parse(run.Output);
        JsonElement root = document.RootElement;
        root.GetProperty("jobs").EnumerateArray().Select(job => job.GetProperty("streaming").GetString()).ShouldBe(["regular", "container", "file"]);
        root.GetProperty("jobs").EnumerateArray().ShouldAllBe(job => job.GetProperty("jobSeconds").GetProperty("median").GetDouble() > 0 && job.GetProperty("ofSocketFloor").GetDouble() > 0);
        root.GetProperty("floors").EnumerateArray().Select(floor => floor.GetProperty("seconds").GetProperty("min").GetDouble()).ShouldAllBe(seconds => seconds > 0);

        JsonElement[] jobs = [.. root.GetProperty("jobRuns").EnumerateArray()];
        jobs.Length.ShouldBe(3);
        jobs.ShouldAllBe(job => job.GetProperty("message").GetProperty("total").GetInt64() == MessageLength("nf4"));
        foreach (JsonElement job in jobs)
        {
            MessageAddsUp(job.GetProperty("message"));
            MomentsAreInOrder(job);
            JsonElement[] sites = [.. job.GetProperty("sites").EnumerateArray()];
            sites.Select(site => site.GetProperty("site").GetString()).ShouldBe(["site-1", "site-2"]);
            sites.Select(site => site.GetProperty("resultDigest").GetString()).Distinct().Count().ShouldBe(2, "two sites that return the same are one");
            sites.ShouldAllBe(site => site.GetProperty("resultBytes").GetInt64() == MessageLength("nf4"));
            long sum = job.GetProperty("serverPeakBytes").GetInt64() + sites.Sum(site => site.GetProperty("peakBytes").GetInt64());
            job.GetProperty("peakBytes").GetInt64().ShouldBe(sum);
            sites.Min(site => site.GetProperty("peakBytes").GetInt64()).ShouldBeGreaterThan(1 << 20);
        }

        // The same work in every mode, or their figures cannot be compared.
        jobs.Select(job => job.GetProperty("sites")[0].GetProperty("resultDigest").GetString()).Distinct().Count().ShouldBe(1);
        Directory.GetFileSystemEntries(_folder["work"]).ShouldBeEmpty();
    }

    [Fact]
    public async Task One_way_sends_a_model_and_gets_none()
    {
        ProgramResult run = await RunAsync("--streaming", "file", "--runs", "2");
        run.ExitCode.ShouldBe(0, run.Error);
        using JsonDocument document = JsonDocument.Parse(run.Output);
        JsonElement[] jobs = [.. document.RootElement.GetProperty("jobRuns").EnumerateArray()];
        jobs.Select(job => job.GetProperty("run").GetInt32()).ShouldBe([1, 2]);
        jobs.ShouldAllBe(job => job.GetProperty("message").GetProperty("total").GetInt64() == MessageLength("fp32"));
        jobs.ShouldAllBe(job => job.GetProperty("mergeSeconds").ValueKind == JsonValueKind.Null && job.GetProperty("sites")[0].GetProperty("resultBytes").GetInt64() == 0);
        JsonElement floor = document.RootElement.GetProperty("floorRuns")[0];
        floor.GetProperty("bytes").GetInt64().ShouldBe(Directory.GetFiles(_folder["model"], "*.safetensors").Sum(file => new FileInfo(file).Length), "all shards are moved");
    }

    [Fact]
    public async Task A_site_that_is_killed_ends_the_experiment_with_its_name_and_leaves_nothing()
    {
        // The first process called site-1 kills itself; everybody else is the program.
        string script = _folder["program.sh"];
        await File.WriteAllTextAsync(script, $"case \"$*\" in *site-1) kill -9 $$;; esac\nexec dotnet {TributaryProgram.Assembly} \"$@\"\n", Cancelled);
        var options = new StreamingOptions { Model = _folder["model"], Precisions = ["fp32"], Streaming = [StreamingMode.File], Runs = 1, WorkFolder = _folder["work"] };
        StreamingBenchmark benchmark = StreamingBenchmark.Prepare(options, new ProgramCommand("sh", [script]), TimeProvider.System);
        JobFailedException failure = await Should.ThrowAsync<JobFailedException>(() => benchmark.RunAsync(static _ => { }, Cancelled));
        failure.Message.ShouldBe("the process 'site-1' was killed by signal 9");
        Directory.GetFileSystemEntries(_folder["work"]).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_memory_limit_is_kept_and_its_use_is_told_or_it_is_said_why_it_cannot_be_set()
    {
        ProgramResult run = await RunAsync("--streaming", "file", "--runs", "1", "--memory-limit", "512");
        if (run.ExitCode == 2)
        {
            run.Error.ShouldContain("memory cgroup");
            return;
        }

        run.ExitCode.ShouldBe(0, run.Error);
        using JsonDocument document = JsonDocument.Parse(run.Output);
        JsonElement memory = document.RootElement.GetProperty("jobRuns")[0].GetProperty("memory");
        memory.GetProperty("limitBytes").GetInt64().ShouldBe(512L << 20);
        memory.GetProperty("peakBytes").GetInt64().ShouldBeInRange(10L << 20, 512L << 20);
        memory.GetProperty("kills").GetInt64().ShouldBe(0);
    }

    [Theory]
    [InlineData(new[] { "--streaming", "boat" }, "regular, container, file, all")]
    [InlineData(new[] { "--precision", "fp32,nf5" }, "nf5")]
    [InlineData(new[] { "--sites", "0" }, "from 1 to 64")]
    [InlineData(new[] { "--runs", "0" }, "at least 1")]
    [InlineData(new[] { "--work", "nowhere" }, "nowhere")]
    [InlineData(new[] { "--model", "nowhere" }, "nowhere")]
    public async Task What_cannot_be_measured_is_said_before_anything_is_started(string[] arguments, string says)
    {
        ProgramResult run = await TributaryProgram.RunAsync(_folder.Path, Cancelled, ["bench", "streaming", .. arguments.Contains("--model") ? [] : new[] { "--model", "model" }, .. arguments]);
        run.ExitCode.ShouldBe(2, run.Error);
        run.Error.ShouldContain(says);
        run.Output.ShouldBeEmpty();
    }

    private static void MomentsAreInOrder(JsonElement job)
    {
        string[] moments = ["offeredSeconds", "verifiedSeconds", "readSeconds", "uploadedSeconds", "jobSeconds"];
        double[] seconds = [.. moments.Select(moment => job.GetProperty(moment).GetDouble())];
        seconds[0].ShouldBeGreaterThan(0);
        seconds.ShouldBe(seconds.Order());
        job.GetProperty("mergeSeconds").GetDouble().ShouldBeInRange(0, seconds[^1]);
    }

    private static void MessageAddsUp(JsonElement message)
    {
        long embed = 5000 * 256;
        message.GetProperty("payload").GetInt64().ShouldBe((embed / 2) + 128 + 32, "half a byte for each parameter, and four integers");
        message.GetProperty("meta").GetInt64().ShouldBe(4 * ((embed / 64) + 4), "a scale for each block of 64");
        string[] kinds = ["payload", "meta", "header"];
        kinds.Sum(kind => message.GetProperty(kind).GetInt64()).ShouldBe(message.GetProperty("total").GetInt64());
    }

    private long MessageLength(string precision)
    {
        using Checkpoint model = Checkpoint.Open(_folder["model"]);
        return SizeTable.Of(model.Manifest).Single(size => size.Precision == precision).FileLength;
    }

    private Task<ProgramResult> RunAsync(params string[] arguments) =>
        TributaryProgram.RunAsync(_folder.Path, Cancelled, ["bench", "streaming", "--model", "model", "--work", "work", "--json", .. arguments]);
}
