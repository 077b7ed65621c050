using System.CommandLine;
using System.Text.Json;
using Tributary.Cli.Terminal;
using Tributary.Server.Audit;
using Tributary.Simulation;

namespace Tributary.Cli.Commands;

/// <summary><c>audit</c>: the server's record of who did what, when.</summary>
internal static class AuditCommand
{
    private static readonly Argument<FileInfo> Log = new("file") { Description = "The audit log: audit.jsonl in the server's data folder, or a copy" };
    private static readonly Option<string?> Known = new("--contains") { Description = "A hash that was noted earlier, as from the server's log at a start: it has to be in it, so that nothing after it was cut off" };
    private static readonly Option<bool> Json = new("--json") { Description = "Print one JSON document on stdout" };

    public static Command Create()
    {
        var verify = new Command("verify", "Check that no entry was changed, removed or put in. Exit code 0: it is whole; 1: it is not, and where") { Log, Known, Json };
        verify.SetAction((parsed, _) => Failures.GuardAsync(parsed, () => Task.FromResult(Verify(parsed))));
        return new Command("audit", "The server's record of who did what, when")
        {
            verify.WithExamples("audit verify kits/server/data/audit.jsonl", "audit verify audit.jsonl --contains 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --json"),
        };
    }

    private static int Verify(ParseResult parsed)
    {
        FileInfo file = parsed.GetRequiredValue(Log);
        if (!file.Exists)
        {
            throw new UsageException($"{file}: there is no such file; a server keeps its audit log in its data folder");
        }

        // The server may be writing it.
        using var stream = new FileStream(file.FullName, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var reader = new StreamReader(stream);
        (long entries, string head, string? fault) = AuditChain.Verify(Lines(reader), parsed.GetValue(Known));
        if (parsed.GetValue(Json))
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(new { file = file.FullName, whole = fault is null, entries, head, fault }, Output.Json));
        }
        else if (fault is null)
        {
            Console.Out.WriteLine($"{file}: {entries} entries, whole; the last one's hash is {head}");
        }
        else
        {
            Console.Error.WriteLine($"{file}: {fault}; {entries} entries before that are whole");
        }

        return fault is null ? 0 : Failures.Failed;
    }

    private static IEnumerable<string> Lines(StreamReader reader)
    {
        while (reader.ReadLine() is { } line)
        {
            yield return line;
        }
    }
}
