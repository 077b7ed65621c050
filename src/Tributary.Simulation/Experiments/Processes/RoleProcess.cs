using System.Text.Json;
using System.Threading.Channels;
using Tributary.Federation.Workflows;
using Tributary.Simulation.Experiments.Roles;

namespace Tributary.Simulation.Experiments.Processes;

/// <summary>
/// A process of an experiment, as whoever started it sees it. It is told to begin and to end, and its events are read. When it is
/// disposed of before it has ended, it is killed; when this process is, it ends by itself.
/// </summary>
public sealed class RoleProcess : IAsyncDisposable
{
    /// <summary>The verb of the program that plays a role; the argument after it is for people who look at lists of processes.</summary>
    public static readonly IReadOnlyList<string> Verb = ["bench", "role"];

    private readonly ChildProcess _child;

    // What a process tells of itself is little: a few lines a second of each site at most.
    private readonly Channel<RoleEvent> _events = Channel.CreateUnbounded<RoleEvent>();
    private RoleEnded? _ended;

    private RoleProcess(ChildProcess child)
    {
        _child = child;
        Ended = ReadEventsAsync();
    }

    /// <summary>What it is called in errors and lists of processes.</summary>
    public string Name => _child.Name;

    /// <summary>Its process id.</summary>
    public int Id => _child.Id;

    /// <summary>
    /// Completes with its peak resident set in bytes once it has ended as it was told to; a <see cref="JobFailedException"/> says how it
    /// ended otherwise, with what it wrote on stderr.
    /// </summary>
    public Task<long> Ended { get; }

    /// <summary>What it tells.</summary>
    public ChannelReader<RoleEvent> Events => _events.Reader;

    /// <summary>Starts a process and gives it its settings.</summary>
    /// <param name="program">The program.</param>
    /// <param name="name">What it is called in errors and lists of processes.</param>
    /// <param name="settings">What it is.</param>
    /// <param name="group">The memory group that it is to be in; null for none.</param>
    public static RoleProcess Start(ProgramCommand program, string name, RoleSettings settings, MemoryGroup? group)
    {
        ChildProcess child = ChildProcess.Start(name, program.File, [.. program.Arguments, .. Verb, name], group);
        child.Write(JsonSerializer.Serialize(settings, RoleJson.Default.RoleSettings));
        return new RoleProcess(child);
    }

    /// <summary>Tells it to begin its work.</summary>
    public void Begin() => _child.Write(RoleWords.Begin);

    /// <summary>Reads events until one of that kind, and gives it.</summary>
    /// <param name="meanwhile">Takes the events before it.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="JobFailedException">The process ended before; the message says how.</exception>
    public async Task<T> UntilAsync<T>(Action<RoleEvent> meanwhile, CancellationToken cancellationToken)
        where T : RoleEvent
    {
        await foreach (RoleEvent happened in Events.ReadAllAsync(cancellationToken))
        {
            if (happened is T wanted)
            {
                return wanted;
            }

            meanwhile(happened);
        }

        await Ended.WaitAsync(cancellationToken);
        throw new JobFailedException($"the process '{Name}' ended before it told what was waited for ({typeof(T).Name})");
    }

    /// <summary>Tells it to end, and waits until it has.</summary>
    /// <returns>Its peak resident set in bytes.</returns>
    /// <exception cref="JobFailedException">It ended otherwise.</exception>
    public async Task<long> EndAsync(CancellationToken cancellationToken)
    {
        _child.Write(RoleWords.End);
        return await Ended.WaitAsync(cancellationToken);
    }

    /// <summary>Ends it at once (SIGKILL).</summary>
    public void Kill() => _child.Kill();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Kill();
        await Ended.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        await _child.DisposeAsync();
    }

    private async Task<long> ReadEventsAsync()
    {
        try
        {
            while (await _child.Output.ReadLineAsync(CancellationToken.None) is { } line)
            {
                RoleEvent happened = Parse(line);
                _ended = happened as RoleEnded ?? _ended;
                _events.Writer.TryWrite(happened);
            }
        }
        finally
        {
            _events.Writer.TryComplete();
        }

        await _child.WaitAsync(CancellationToken.None);
        return _ended?.PeakBytes ?? throw new JobFailedException($"the process '{Name}' ended by itself");
    }

    private RoleEvent Parse(string line)
    {
        try
        {
            return JsonSerializer.Deserialize(line, RoleJson.Default.RoleEvent) ?? throw new JsonException("it is null");
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            throw new JobFailedException($"the process '{Name}' wrote what is no event ({e.Message}): {line}", e);
        }
    }
}
