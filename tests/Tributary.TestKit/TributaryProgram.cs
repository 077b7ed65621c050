using System.Diagnostics;
using System.Text;

namespace Tributary.TestKit;

/// <summary>What a run of the program printed and answered.</summary>
public sealed record ProgramResult(int ExitCode, string Output, string Error);

/// <summary>The command line program, run as users run it: a process of its own.</summary>
public static class TributaryProgram
{
    private static readonly string Configuration = AppContext.BaseDirectory.Contains("/Debug/", StringComparison.Ordinal) ? "Debug" : "Release";

    /// <summary>What <c>dotnet</c> is given to run.</summary>
    public static readonly string Assembly = Path.Combine(Repository.Root, "src", "Tributary.Cli", "bin", Configuration, "net10.0", "tributary.dll");

    public static Task<ProgramResult> RunAsync(string folder, CancellationToken cancellationToken, params string[] arguments) =>
        RunAsync(folder, static _ => false, cancellationToken, arguments);

    /// <summary>Runs the program, and kills it (SIGKILL) when it prints a line on stderr that <paramref name="killAt"/> says so of.</summary>
    public static Task<ProgramResult> RunAsync(string folder, Func<string, bool> killAt, CancellationToken cancellationToken, params string[] arguments) => RunAsync(
        folder,
        (process, line) =>
        {
            if (killAt(line))
            {
                process.Kill();
            }
        },
        cancellationToken,
        arguments);

    /// <summary>Runs the program, and tells of every line that it prints on stderr while it runs.</summary>
    public static async Task<ProgramResult> RunAsync(string folder, Action<Process, string> atErrorLine, CancellationToken cancellationToken, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo("dotnet", [Assembly, .. arguments])
        {
            WorkingDirectory = folder,
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        try
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(cancellationToken);
            var error = new StringBuilder();
            while (await process.StandardError.ReadLineAsync(cancellationToken) is { } line)
            {
                error.AppendLine(line);
                atErrorLine(process, line);
            }

            await process.WaitForExitAsync(cancellationToken);
            return new ProgramResult(process.ExitCode, await output, error.ToString());
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill();
            }
        }
    }
}
