using System.Text.Json;

namespace Tributary.Simulation.Experiments.Roles;

/// <summary>
/// A process's side of the lines between it and whoever started it: settings, <c>begin</c> and <c>end</c> come in, events go out. When
/// stdin closes, as it does when whoever started it was killed, that is an <c>end</c>: no process stays behind.
/// </summary>
internal sealed class RoleConsole
{
    private readonly TextReader _input;
    private readonly TextWriter _output;
    private readonly Lock _lock = new();
    private readonly TaskCompletionSource<string> _settings = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _begin = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _end;

    /// <summary>Begins to listen.</summary>
    /// <param name="input">The process's stdin.</param>
    /// <param name="output">The process's stdout.</param>
    /// <param name="end">Cancelled from the listening thread, which goes only with the process; so it is never disposed of.</param>
    public RoleConsole(TextReader input, TextWriter output, CancellationTokenSource end)
    {
        _input = input;
        _output = output;
        _end = end;

        // A thread of its own: a read of stdin blocks its thread for the whole run, and the pool's are needed.
        new Thread(Listen) { IsBackground = true, Name = "stdin" }.Start();
    }

    /// <summary>Cancelled when the process is to end.</summary>
    public CancellationToken End => _end.Token;

    /// <summary>The settings.</summary>
    /// <exception cref="UsageException">They cannot be read.</exception>
    /// <exception cref="OperationCanceledException">There are none.</exception>
    public async Task<RoleSettings> SettingsAsync()
    {
        string line = await _settings.Task.WaitAsync(End);
        try
        {
            return JsonSerializer.Deserialize(line, RoleJson.Default.RoleSettings) ?? throw new JsonException("they are null");
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            throw new UsageException($"the settings on stdin cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Waits for the word to begin.</summary>
    /// <exception cref="OperationCanceledException">The process is to end.</exception>
    public Task BeginAsync() => _begin.Task.WaitAsync(End);

    /// <summary>Waits until the process is to end.</summary>
    public async Task EndAsync()
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using CancellationTokenRegistration registration = End.Register(ended.SetResult);
        await ended.Task;
    }

    /// <summary>Tells an event; from any thread.</summary>
    public void Tell(RoleEvent happened)
    {
        string line = JsonSerializer.Serialize(happened, RoleJson.Default.RoleEvent);
        lock (_lock)
        {
            _output.WriteLine(line);
            _output.Flush();
        }
    }

    private void Listen()
    {
        while (_input.ReadLine() is { } line && line != RoleWords.End)
        {
            if (line == RoleWords.Begin)
            {
                _begin.TrySetResult();
            }
            else
            {
                _settings.TrySetResult(line);
            }
        }

        _end.Cancel();
    }
}

/// <summary>The words that a process of an experiment is told besides its settings.</summary>
internal static class RoleWords
{
    public const string Begin = "begin";
    public const string End = "end";
}
