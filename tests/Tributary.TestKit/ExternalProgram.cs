using System.Diagnostics;

namespace Tributary.TestKit;

/// <summary>Somebody else's program, such as dotnet, python3 or systemd-analyze, run to its end.</summary>
public static class ExternalProgram
{
    /// <summary>The folder of the .NET that runs the tests, for programs that have to find it.</summary>
    public static string DotnetRoot { get; } = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(typeof(object).Assembly.Location)!, "..", "..", ".."));

    /// <summary>Runs it; with variables of its own beside those of the environment.</summary>
    public static async Task<ProgramResult> RunAsync(
        string program, string folder, IEnumerable<(string Name, string Value)> environment, CancellationToken cancellationToken, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        using Process process = Process.Start(start)!;
        try
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(cancellationToken);
            Task<string> error = process.StandardError.ReadToEndAsync(cancellationToken);
            await process.WaitForExitAsync(cancellationToken);
            return new ProgramResult(process.ExitCode, await output, await error);
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
        }
    }
}
