using System.Diagnostics;
using System.Text.Json;
using Tributary.TestKit;

namespace Tributary.EndToEnd;

/// <summary>The committed files of the quickstart and the script that makes them.</summary>
public sealed class QuickstartDataTests
{
    private static readonly string Folder = Path.Combine(Repository.Root, "samples", "quickstart");

    [Fact]
    public async Task Anybody_can_make_the_quickstarts_data_and_tokenizer_again_byte_for_byte()
    {
        (int code, string output) = await PythonAsync(Path.Combine(Folder, "make.py"), "--check");

        code.ShouldBe(0, output);
        output.ShouldContain("are what make.py makes");
    }

    [Fact]
    public async Task A_changed_record_is_named_by_file_and_line_so_that_nobody_commits_data_the_script_does_not_make()
    {
        using var copy = new TempFolder();
        CopyFolder(Folder, copy.Path);
        string path = copy[Path.Combine("data", "bank.jsonl")];
        string[] lines = await File.ReadAllLinesAsync(path, TestContext.Current.CancellationToken);
        lines[2] = lines[2].Replace("instruction", "Instruction", StringComparison.Ordinal);
        await File.WriteAllTextAsync(path, string.Join('\n', lines) + "\n", TestContext.Current.CancellationToken);

        (int code, string output) = await PythonAsync(copy["make.py"], "--check");

        code.ShouldBe(1, output);
        output.ShouldContain("data/bank.jsonl");
        output.ShouldContain("line 3");
    }

    [Fact]
    public void No_prompt_and_no_answer_occurs_twice_at_one_site_or_at_two_so_held_out_records_are_new_to_the_model()
    {
        var prompts = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        var answers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        string[] files = Directory.GetFiles(Path.Combine(Folder, "data"), "*.jsonl");
        files.Length.ShouldBe(3);
        foreach (string file in files)
        {
            string[] lines = File.ReadAllLines(file);
            lines.Length.ShouldBeInRange(200, 400);
            for (int line = 0; line < lines.Length; line++)
            {
                string place = $"{Path.GetFileName(file)}, line {line + 1}";
                (string prompt, string answer) = Read(lines[line]);
                prompts.TryAdd(prompt, place).ShouldBeTrue($"{place} and {prompts[prompt]} ask the same: {prompt}");
                answers.TryAdd(answer, place).ShouldBeTrue($"{place} and {answers[answer]} answer the same: {answer}");
            }
        }
    }

    /// <summary>The prompt and the answer of a record, whichever of the three shapes it has.</summary>
    private static (string Prompt, string Answer) Read(string line)
    {
        using JsonDocument document = JsonDocument.Parse(line);
        string[] texts = document.RootElement.TryGetProperty("messages", out JsonElement messages)
            ? [.. messages.EnumerateArray().Select(message => message.GetProperty("content").GetString()!)]
            : [.. document.RootElement.EnumerateObject().Select(property => property.Value.GetString()!)];
        return (string.Join('\n', texts[..^1]), texts[^1]);
    }

    private static void CopyFolder(string from, string to)
    {
        foreach (string file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
        {
            string target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }

    private static async Task<(int Code, string Output)> PythonAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("python3", arguments) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        Task<string> errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, await output + await errors);
    }
}
