using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Tributary.Cli.Terminal;

/// <summary>Examples, shown at the end of a verb's own help.</summary>
internal static class Examples
{
    private static readonly Dictionary<Command, string[]> ByCommand = [];

    /// <summary>Gives a verb its examples; each is a whole command line without the program's name.</summary>
    public static Command WithExamples(this Command command, params string[] examples)
    {
        ByCommand[command] = examples;
        return command;
    }

    /// <summary>Has the help of a root command and all verbs below it show examples.</summary>
    public static void ShowInHelp(RootCommand root)
    {
        foreach (HelpOption help in root.Options.OfType<HelpOption>())
        {
            help.Action = new HelpWithExamples((SynchronousCommandLineAction)help.Action!);
        }
    }

    private sealed class HelpWithExamples(SynchronousCommandLineAction help) : SynchronousCommandLineAction
    {
        public override int Invoke(ParseResult parseResult)
        {
            int code = help.Invoke(parseResult);
            if (ByCommand.TryGetValue(parseResult.CommandResult.Command, out string[]? examples))
            {
                TextWriter output = parseResult.InvocationConfiguration.Output;
                output.WriteLine("Examples:");
                foreach (string example in examples)
                {
                    output.WriteLine($"  tributary {example}");
                }
            }

            return code;
        }
    }
}
