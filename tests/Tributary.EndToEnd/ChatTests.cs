using System.Text.Json;
using Tributary.TestKit;

namespace Tributary.EndToEnd;

/// <summary>A model with a chat template of its own, from the job file to an answer, as a user has it.</summary>
public sealed class ChatTests : IDisposable
{
    private const string Template =
        """{"bos_token": "<s>", "eos_token": "</s>", "chat_template": "{{ bos_token }}{% for m in messages %}{{ 'User: ' if m.role == 'user' else 'Desk: ' }}"""
        + """{{ m.content | trim }}{{ '\n' if m.role == 'user' else eos_token }}{% endfor %}{% if add_generation_prompt %}{{ 'Desk:' }}{% endif %}"}""";

    private static readonly string Quickstart = Path.Combine(Repository.Root, "samples", "quickstart");

    private readonly TempFolder _folder = new();

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_model_learns_in_its_own_template_and_is_asked_in_it()
    {
        CopyModel(Template);
        File.WriteAllText(_folder["job.yaml"], $$"""
            name: chat
            model: model
            rounds: 1
            precision: fp32
            sites:
              bank: { data: {{Path.Combine(Quickstart, "data", "bank.jsonl")}}, records: 60 }
              workshop: { data: {{Path.Combine(Quickstart, "data", "workshop.jsonl")}}, records: 60 }
            train: { template: chat, sequence_length: 192, learning_rate: 0.002, epochs: 2 }
            """);
        ProgramResult run = await TributaryProgram.RunAsync(_folder.Path, Cancelled, "simulate", "job.yaml", "--json");
        run.ExitCode.ShouldBe(0, run.Error);
        using JsonDocument summary = JsonDocument.Parse(run.Output);
        summary.RootElement.GetProperty("finalLoss").GetDouble().ShouldBeLessThan(summary.RootElement.GetProperty("initialLoss").GetDouble());

        string model = summary.RootElement.GetProperty("paths").GetProperty("model").GetString()!;
        ProgramResult answer = await TributaryProgram.RunAsync(
            _folder.Path, Cancelled, "generate", "--model", model, "--prompt", "I want to choose a new PIN. What is necessary?", "--chat", "--tokens", "20", "--json");
        answer.ExitCode.ShouldBe(0, answer.Error);
        using JsonDocument said = JsonDocument.Parse(answer.Output);
        said.RootElement.GetProperty("text").GetString().ShouldNotBeNullOrWhiteSpace();
    }

    [Theory]
    [InlineData(null, "no chat template")]
    [InlineData("""{"chat_template": "\n{% macro x() %}"}""", "line 2: the statement 'macro' is not understood")]
    [InlineData("""{"chat_template": "{{ raise_exception('not today') }}"}""", "not today")]
    public async Task A_template_that_cannot_be_used_is_said_in_a_line_with_exit_code_2(string? config, string says)
    {
        CopyModel(config);
        ProgramResult run = await TributaryProgram.RunAsync(_folder.Path, Cancelled, "generate", "--model", "model", "--prompt", "hello", "--chat");
        run.ExitCode.ShouldBe(2, run.Error);
        run.Error.ShouldContain(says);
        run.Error.ShouldContain("model");
        run.Error.ShouldNotContain("   at ");
        run.Output.ShouldBeEmpty();
    }

    private void CopyModel(string? config)
    {
        Directory.CreateDirectory(_folder["model"]);
        foreach (string file in Directory.GetFiles(Path.Combine(Quickstart, "model")))
        {
            File.Copy(file, _folder[Path.Combine("model", Path.GetFileName(file))]);
        }

        if (config is not null)
        {
            File.WriteAllText(_folder[Path.Combine("model", "tokenizer_config.json")], config);
        }
    }
}
