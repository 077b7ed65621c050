using System.CommandLine;
using System.Text.RegularExpressions;
using Tributary.Client;
using Tributary.Configuration;
using Tributary.Federation.Jobs;
using Tributary.Federation.Workflows;
using Tributary.Provisioning;
using Tributary.Simulation;
using Tributary.Site;
using Tributary.Tensors;
using Tributary.Training;
using Tributary.Transport;

namespace Tributary.Cli.Terminal;

/// <summary>Errors as a colleague would put them, and the exit codes: 2 for what the user gave, 1 for what failed, 130 for Ctrl-C.</summary>
internal static partial class Failures
{
    public const int Failed = 1;
    public const int WrongUsage = 2;
    public const int Interrupted = 130;

    public static Option<bool> Verbose { get; } = new("--verbose") { Description = "Show the whole error, with where in the program it arose", Recursive = true };

    public static int Usage(ParseResult parsed)
    {
        foreach (System.CommandLine.Parsing.ParseError error in parsed.Errors)
        {
            Console.Error.WriteLine(Kinds().Replace(error.Message, match => match.Groups["type"].Value is "Int32" or "Int64" or "UInt64" ? "as a whole number" : "as a number"));
        }

        Console.Error.WriteLine($"See 'tributary {string.Concat(Path(parsed.CommandResult).Reverse())}--help'.");
        return WrongUsage;
    }

    /// <summary>Runs a verb; what goes wrong becomes one message on stderr and an exit code.</summary>
    public static async Task<int> GuardAsync(ParseResult parsed, Func<Task<int>> verb)
    {
        try
        {
            // On another thread: the command line listens for Ctrl-C only once this has returned its task, and many verbs never wait.
            return await Task.Run(verb);
        }
        catch (OperationCanceledException)
        {
            Console.Error.WriteLine(parsed.CommandResult.Command.Name == "simulate" ? "interrupted; the same command goes on from here" : "interrupted");
            return Interrupted;
        }
        catch (Exception e)
        {
            Console.Error.WriteLine(parsed.GetValue(Verbose) ? e.ToString() : Code(e) is null ? $"unexpected error: {e.Message} (--verbose shows more; please report it)" : e.Message);
            return Code(e) ?? Failed;
        }
    }

    private static int? Code(Exception e) => e switch
    {
        UsageException or YamlFileException or ProvisioningException or TensorFormatException or ModelFormatException or TrainingDataException or ChatTemplateException or FileNotFoundException or DirectoryNotFoundException => WrongUsage,
        JobFailedException or IOException or UnauthorizedAccessException or HttpRequestException or VersionMismatchException or TransferException or JobStatementException => Failed,
        _ => null,
    };

    [GeneratedRegex(@"as expected type '(System\.Nullable`1\[)?System\.(?<type>\w+)\]?'", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Kinds();

    private static IEnumerable<string> Path(System.CommandLine.Parsing.SymbolResult? result)
    {
        for (; result is System.CommandLine.Parsing.CommandResult { Parent: not null } command; result = command.Parent)
        {
            yield return command.Command.Name + " ";
        }
    }
}
