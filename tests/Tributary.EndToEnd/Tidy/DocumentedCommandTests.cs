using System.Text.RegularExpressions;
using Tributary.Cli.Commands;
using Tributary.Federation.Jobs;
using Tributary.Simulation.Convergence;
using Tributary.TestKit;

namespace Tributary.EndToEnd.Tidy;

/// <summary>What the docs tell people to type is understood, and the job files that are shipped or shown can be read.</summary>
public sealed partial class DocumentedCommandTests
{
    public static TheoryData<string> Documents => [.. Files("*.md").Concat(Files("*.sh"))];

    public static TheoryData<string> JobFiles => [.. Files("*.yaml").Where(path => path.Contains("samples/", StringComparison.Ordinal) || path.Contains("bench/", StringComparison.Ordinal))];

    [Theory]
    [MemberData(nameof(Documents))]
    public void Every_documented_command_is_one_that_the_program_knows(string document)
    {
        foreach (Match match in Commands().Matches(File.ReadAllText(Path.Combine(Repository.Root, document))))
        {
            string command = match.Groups["it"].Value.Replace("\\\n", " ", StringComparison.Ordinal);
            if (!command.Contains('$', StringComparison.Ordinal) && !command.Contains("...", StringComparison.Ordinal) && !command.Contains('[', StringComparison.Ordinal))
            {
                CommandLine.Create().Parse(command.Split(['>', '|', '#'])[0]).Errors.Select(error => error.Message).ShouldBeEmpty($"{document}: ./tributary {command}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(JobFiles))]
    public void Every_job_file_and_experiment_in_the_project_can_be_read(string path)
    {
        string text = File.ReadAllText(Path.Combine(Repository.Root, path));
        if (text.Contains("\nsettings:", StringComparison.Ordinal))
        {
            ConvergenceSpec.Load(Path.Combine(Repository.Root, path)).Settings.ShouldNotBeEmpty();
            return;
        }

        JobFile.Parse(text, path).Sites.ShouldNotBeEmpty();
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void Every_job_file_shown_in_the_docs_can_be_read(string document)
    {
        foreach (Match match in YamlBlocks().Matches(File.ReadAllText(Path.Combine(Repository.Root, document))))
        {
            // Other keys end so, too; a part of a file that names no sites is no job.
            if ($"\n{match.Groups["it"].Value}".Contains("\nsites:", StringComparison.Ordinal))
            {
                JobFile.Parse(match.Groups["it"].Value, document).Sites.ShouldNotBeEmpty();
            }
        }
    }

    private static IEnumerable<string> Files(string pattern) => Directory.EnumerateFiles(Repository.Root, pattern, SearchOption.AllDirectories)
        .Select(path => Path.GetRelativePath(Repository.Root, path).Replace('\\', '/'))
        .Where(path => !path.StartsWith("out/", StringComparison.Ordinal) && !path.Contains("/bin/", StringComparison.Ordinal) && !path.Contains("/obj/", StringComparison.Ordinal));

    [GeneratedRegex(@"^\s*(?:\$ )?\./tributary (?<it>(?:[^\n\\]|\\\n)+)", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Commands();

    [GeneratedRegex(@"```yaml\n(?<it>.*?)```", RegexOptions.Singleline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex YamlBlocks();
}
