using System.Net;
using System.Net.Sockets;
using Tributary.TestKit;

namespace Tributary.EndToEnd;

/// <summary>What a user may get wrong: one clear message that names file, line or site and says what to do, and nothing half-written.</summary>
public sealed class BadInputTests : IDisposable
{
    private static readonly string Model = Path.Combine(Repository.Root, "samples", "quickstart", "model");

    private readonly TempFolder _folder = new();

    public BadInputTests()
    {
        File.WriteAllText(_folder["a.jsonl"], Records(6));
        File.WriteAllText(_folder["b.jsonl"], Records(6));
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("roundz: 3", "job.yaml:4: unknown key 'roundz'; did you mean 'rounds'?")]
    [InlineData("precision: nf5", "job.yaml:4: 'precision' is 'nf5'")]
    [InlineData("rounds: 0", "job.yaml:4: 'rounds' is '0'")]
    [InlineData("train: { sequence_length: 100000 }", "max_position_embeddings")]
    [InlineData("train: [", "job.yaml:")]
    public Task A_wrong_job_file_is_named_with_its_line(string line, string says) => RefusesAsync(line, says);

    [Fact]
    public Task A_missing_dataset_is_named_with_its_site()
    {
        File.Delete(_folder["a.jsonl"]);
        return RefusesAsync(string.Empty, "a.jsonl: the records of site 'a' are not there");
    }

    [Theory]
    [InlineData("", "a.jsonl: has no records")]
    [InlineData("{\"instruction\":\"x\"}\n", "a.jsonl, line 1: has no response")]
    [InlineData("{\"instruction\":\n", "a.jsonl, line 1: is not valid JSON")]
    [InlineData("{\"instruction\":\"x\",\"response\":\"y\"}\n", "a.jsonl")]
    public Task Records_that_cannot_be_used_are_named_with_file_and_line(string records, string says)
    {
        File.WriteAllText(_folder["a.jsonl"], records);
        return RefusesAsync(string.Empty, says);
    }

    [Fact]
    public Task A_model_without_a_tokenizer_is_named()
    {
        CopyModel();
        File.Delete(_folder["model/tokenizer.json"]);
        return RefusesAsync(string.Empty, "model: there is no tokenizer.json here", model: _folder["model"]);
    }

    [Theory]
    [InlineData(16)]
    [InlineData(4096)]
    public Task A_vocabulary_that_does_not_match_is_said_before_anything_runs(int size)
    {
        CopyModel();
        string config = File.ReadAllText(_folder["model/config.json"]);
        string changed = System.Text.RegularExpressions.Regex.Replace(config, "\"vocab_size\": *\\d+", $"\"vocab_size\": {size}", System.Text.RegularExpressions.RegexOptions.None, TimeSpan.FromSeconds(1));
        changed.ShouldNotBe(config);
        File.WriteAllText(_folder["model/config.json"], changed);
        return RefusesAsync(string.Empty, _folder["model"], model: _folder["model"]);
    }

    [Fact]
    public async Task A_port_in_use_is_named()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;
        ProgramResult run = await RunAsync(string.Empty, Model, "--port", $"{port}");
        run.ExitCode.ShouldBe(1);
        run.Error.ShouldContain($"port {port} is in use");
        run.Error.ShouldNotContain("   at ");
    }

    [Fact]
    public async Task A_training_that_diverges_fails_the_job_with_site_and_advice()
    {
        ProgramResult run = await RunAsync("train: { learning_rate: 9.9, clip_norm: 1e8, epochs: 200, sequence_length: 64 }", Model);
        run.ExitCode.ShouldBe(1, run.Error);
        run.Error.ShouldContain("site '");
        run.Error.ShouldContain("learning_rate");
        run.Error.ShouldNotContain("   at ");
        Directory.Exists(_folder["out/bad/model"]).ShouldBeFalse();
        File.Exists(_folder["out/bad/report.html"]).ShouldBeFalse();
    }

    [Fact]
    public async Task Verbose_shows_where_an_error_arose()
    {
        ProgramResult run = await RunAsync("roundz: 3", Model, "--verbose");
        run.ExitCode.ShouldBe(2);
        run.Error.ShouldContain("   at ");
    }

    [Theory]
    [InlineData(new[] { "simulate" }, "job")]
    [InlineData(new[] { "simulate", "job.yaml", "--rounds", "many" }, "a whole number")]
    [InlineData(new[] { "simulate", "job.yaml", "--streaming", "boat" }, "regular, container, file")]
    [InlineData(new[] { "simulate", "nowhere.yaml" }, "nowhere.yaml")]
    [InlineData(new[] { "generate", "--model", "nowhere", "--prompt", "x" }, "nowhere")]
    [InlineData(new[] { "model", "inspect", "nowhere" }, "nowhere")]
    [InlineData(new[] { "modle" }, "modle")]
    public async Task Wrong_usage_is_said_in_a_line_with_exit_code_2(string[] arguments, string says)
    {
        File.WriteAllText(_folder["job.yaml"], "name: x\nsites: { a: { data: a.jsonl } }\nmodel: m\n");
        ProgramResult run = await TributaryProgram.RunAsync(_folder.Path, TestContext.Current.CancellationToken, arguments);
        run.ExitCode.ShouldBe(2, run.Error);
        run.Error.ShouldContain(says);
        run.Error.ShouldNotContain("   at ");
        run.Output.ShouldBeEmpty();
    }

    private static string Records(int count) =>
        string.Concat(Enumerable.Range(0, count).Select(i => $$"""{"instruction":"Say {{i}}.","response":"Here is {{i}}."}""" + "\n"));

    private async Task RefusesAsync(string line, string says, string? model = null)
    {
        ProgramResult run = await RunAsync(line, model ?? Model);
        run.ExitCode.ShouldBe(2, run.Error);
        run.Error.ShouldContain(says);
        run.Error.ShouldNotContain("   at ");
        run.Output.ShouldBeEmpty();
        Directory.Exists(_folder["out/bad/model"]).ShouldBeFalse();
    }

    private Task<ProgramResult> RunAsync(string line, string model, params string[] more)
    {
        File.WriteAllText(_folder["job.yaml"], $"name: bad\nsites: {{ a: {{ data: a.jsonl }}, b: {{ data: b.jsonl }} }}\nmodel: {model}\n{line}\n");
        return TributaryProgram.RunAsync(_folder.Path, TestContext.Current.CancellationToken, ["simulate", "job.yaml", .. more]);
    }

    private void CopyModel()
    {
        Directory.CreateDirectory(_folder["model"]);
        foreach (string file in Directory.GetFiles(Model))
        {
            File.WriteAllBytes(_folder["model/" + Path.GetFileName(file)], File.ReadAllBytes(file));
        }
    }
}
