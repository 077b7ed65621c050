using System.ComponentModel;
using System.Diagnostics;
using Tributary.Federation.Workflows;

namespace Tributary.Simulation.Experiments.Processes;

/// <summary>
/// A process that was started here. It joins its memory group before its program is loaded, and is ended here, not by a Ctrl-C that
/// the terminal sends to everybody.
/// </summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    // Waits for a line, so that the process can be put into its group before it takes memory; then becomes the program, with the same id.
    private const string Held = "trap '' INT; read -r go && exec \"$0\" \"$@\"";
    private const int ErrorLinesMax = 20;
    private const int SignalCodes = 128;

    private readonly Process _process;
    private readonly Queue<string> _errorLines = new();
    private readonly Task _errors;

    private ChildProcess(string name, Process process)
    {
        Name = name;
        _process = process;
        _errors = CollectErrorsAsync();
    }

    /// <summary>What it is called in errors.</summary>
    public string Name { get; }

    public int Id => _process.Id;

    public StreamReader Output => _process.StandardOutput;

    /// <summary>Starts a program.</summary>
    /// <exception cref="UsageException">There is no shell to start it with.</exception>
    public static ChildProcess Start(string name, string file, IEnumerable<string> arguments, MemoryGroup? group)
    {
        var start = new ProcessStartInfo("sh", ["-c", Held, file, .. arguments])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        ChildProcess child;
        try
        {
            child = new ChildProcess(name, Process.Start(start)!);
        }
        catch (Win32Exception e)
        {
            throw new UsageException($"'sh' cannot be started, which starts the experiment's processes: {e.Message}", e);
        }

        try
        {
            group?.Add(child.Id);
            child.Write("go");
            return child;
        }
        catch
        {
            child.Kill();
            throw;
        }
    }

    /// <summary>Runs a program to its end; it is killed when that is cancelled.</summary>
    /// <exception cref="JobFailedException">It failed; the message has what it wrote on stderr.</exception>
    public static async Task RunAsync(string file, IReadOnlyList<string> arguments, MemoryGroup? group, CancellationToken cancellationToken)
    {
        await using ChildProcess child = Start(file, file, arguments, group);
        await child.WaitAsync(cancellationToken);
    }

    /// <summary>Writes a line to its stdin. Where it has ended already, its exit says why.</summary>
    public void Write(string line)
    {
        try
        {
            _process.StandardInput.WriteLine(line);
            _process.StandardInput.Flush();
        }
        catch (IOException)
        {
            // Told by WaitAsync.
        }
    }

    /// <summary>Waits for its end.</summary>
    /// <exception cref="JobFailedException">It failed; the message has what it wrote on stderr.</exception>
    public async Task WaitAsync(CancellationToken cancellationToken)
    {
        await _process.WaitForExitAsync(cancellationToken);
        await _errors;
        if (_process.ExitCode == 0)
        {
            return;
        }

        string said = string.Join('\n', _errorLines);
        string how = _process.ExitCode > SignalCodes ? $"was killed by signal {_process.ExitCode - SignalCodes}" : $"ended with exit code {_process.ExitCode}";
        throw new JobFailedException(said.Length == 0 ? $"the process '{Name}' {how}" : $"the process '{Name}' {how}: {said}");
    }

    /// <summary>Ends it at once (SIGKILL).</summary>
    public void Kill()
    {
        try
        {
            _process.Kill();
        }
        catch (InvalidOperationException)
        {
            // It has ended by itself.
        }
    }

    public async ValueTask DisposeAsync()
    {
        Kill();
        await _process.WaitForExitAsync(CancellationToken.None);
        await _errors;
        _process.Dispose();
    }

    /// <summary>Keeps the last lines, whatever it writes.</summary>
    private async Task CollectErrorsAsync()
    {
        while (await _process.StandardError.ReadLineAsync(CancellationToken.None) is { } line)
        {
            if (_errorLines.Count == ErrorLinesMax)
            {
                _errorLines.Dequeue();
            }

            _errorLines.Enqueue(line);
        }
    }
}
