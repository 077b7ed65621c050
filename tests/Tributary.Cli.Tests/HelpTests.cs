using System.CommandLine;
using Tributary.Cli.Commands;

namespace Tributary.Cli.Tests;

public sealed class HelpTests
{
    public static TheoryData<string> Verbs => [.. Leaves(CommandLine.Create(), string.Empty)];

    [Theory]
    [MemberData(nameof(Verbs))]
    public async Task Every_verb_has_help_with_examples_that_parse_and_an_output_for_programs(string verb)
    {
        var output = new StringWriter();
        ParseResult help = CommandLine.Create().Parse(verb + " --help");
        (await help.InvokeAsync(new InvocationConfiguration { Output = output }, TestContext.Current.CancellationToken)).ShouldBe(0);
        string text = output.ToString();
        text.ShouldContain("--json");
        string[] examples = [.. text[text.IndexOf("Examples:", StringComparison.Ordinal)..].Split('\n').Skip(1).Select(line => line.Trim()).Where(line => line.Length > 0)];
        examples.ShouldNotBeEmpty();
        foreach (string example in examples)
        {
            example.ShouldStartWith("tributary " + verb);
            CommandLine.Create().Parse(example["tributary ".Length..]).Errors.Select(error => error.Message).ShouldBeEmpty(example);
        }
    }

    [Fact]
    public void Every_verb_and_option_says_what_it_is()
    {
        foreach (Command command in All(CommandLine.Create()))
        {
            command.Description.ShouldNotBeNullOrWhiteSpace(command.Name);
            command.Options.ShouldAllBe(option => !string.IsNullOrWhiteSpace(option.Description), command.Name);
            command.Arguments.ShouldAllBe(argument => !string.IsNullOrWhiteSpace(argument.Description), command.Name);
        }
    }

    private static IEnumerable<Command> All(Command command) => command.Subcommands.SelectMany(All).Prepend(command);

    private static IEnumerable<string> Leaves(Command command, string path) => command.Subcommands.Count == 0
        ? [path]
        : command.Subcommands.Where(sub => !sub.Hidden).SelectMany(sub => Leaves(sub, path.Length == 0 ? sub.Name : $"{path} {sub.Name}"));
}
