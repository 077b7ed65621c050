using System.Diagnostics;
using Tributary.TestKit;

namespace Tributary.EndToEnd.Deployment;

/// <summary>A server or a site as users run them: a process of the program that stays until it is ended.</summary>
internal sealed class Daemon : IAsyncDisposable
{
    private readonly Process _process;
    private readonly List<string> _lines = [];

    private Daemon(Process process) => _process = process;

    public static Daemon Start(string folder, params string[] arguments) => Start(folder, [], arguments);

    /// <summary>Starts it with variables of its own in the environment.</summary>
    public static Daemon Start(string folder, (string Name, string Value)[] environment, params string[] arguments) =>
        Run("dotnet", folder, environment, [TributaryProgram.Assembly, .. arguments]);

    /// <summary>Starts it by another program, which it takes the place of.</summary>
    public static Daemon Run(string program, string folder, (string Name, string Value)[] environment, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, UseShellExecute = false, RedirectStandardError = true };
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        return new Daemon(Process.Start(start)!);
    }

    /// <summary>Reads the log until a line contains a text.</summary>
    public async Task<string> UntilAsync(string text, CancellationToken cancellationToken)
    {
        while (await _process.StandardError.ReadLineAsync(cancellationToken) is { } line)
        {
            _lines.Add(line);
            if (line.Contains(text, StringComparison.Ordinal))
            {
                return line;
            }
        }

        throw new InvalidOperationException($"it ended before it said '{text}':\n{string.Join('\n', _lines)}");
    }

    public void Kill() => _process.Kill();

    /// <summary>Asks it to end, as a service manager does, and gives its exit code.</summary>
    public async Task<int> EndAsync(CancellationToken cancellationToken)
    {
        using Process kill = Process.Start("kill", ["-TERM", _process.Id.ToString()]);
        await kill.WaitForExitAsync(cancellationToken);
        await _process.StandardError.ReadToEndAsync(cancellationToken);
        await _process.WaitForExitAsync(cancellationToken);
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        await _process.WaitForExitAsync(CancellationToken.None);
        _process.Dispose();
    }
}
