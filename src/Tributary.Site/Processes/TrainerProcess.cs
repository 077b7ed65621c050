using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;
using System.Threading.Channels;
using Tributary.Federation.Jobs;

namespace Tributary.Site.Processes;

/// <summary>
/// A trainer's process: lines go to its stdin and come from its stdout. However it ends, it is waited for, so that the system forgets it.
/// </summary>
internal sealed class TrainerProcess : IAsyncDisposable
{
    /// <summary>How long a process that was told to end, or to give a task up, has for it before it is killed.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);

    // A Ctrl-C goes to every process of a terminal, but this one is to end when the site ends it.
    private const string KeepsOnAtCtrlC = "trap '' INT; exec \"$0\" \"$@\"";
    private const int LineBytesMax = 256 << 10;
    private const int MessagesMax = 64;
    private const int SignalCodes = 128;

    private static readonly TimeSpan Drain = TimeSpan.FromSeconds(4);

    private readonly Process _process;
    private readonly ErrorLines _errors;
    private readonly TimeSpan _timeout;
    private readonly TimeProvider _time;
    private readonly Task _reading;

    // Bounded: a process that talks more than anybody listens to waits.
    private readonly Channel<TrainerMessage> _messages = Channel.CreateBounded<TrainerMessage>(MessagesMax);

    private TrainerProcess(Process process, TrainerOffer offer, string logPath, TimeProvider time)
    {
        _process = process;
        _timeout = offer.Timeout;
        _time = time;
        _errors = new ErrorLines(process.StandardError.BaseStream, logPath);
        _reading = ReadAsync();
        Exited = WatchAsync();
    }

    /// <summary>Its process id.</summary>
    public int Id => _process.Id;

    /// <summary>Whether it has ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>The last lines that it wrote on stderr, one below the other.</summary>
    public string LastErrors => _errors.Last;

    /// <summary>Completes once it has ended and all that it wrote has been read.</summary>
    private Task Exited { get; }

    /// <summary>Starts it.</summary>
    /// <exception cref="TrainerFaultException">The system cannot start it.</exception>
    public static TrainerProcess Start(TrainerOffer offer, TrainerPlace place, TimeProvider time)
    {
        ProcessStartInfo start = OperatingSystem.IsWindows()
            ? new ProcessStartInfo(offer.Command[0], offer.Command.Skip(1))
            : new ProcessStartInfo("sh", ["-c", KeepsOnAtCtrlC, .. offer.Command]);
        start.UseShellExecute = false;
        start.RedirectStandardInput = true;
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        start.WorkingDirectory = place.WorkingFolder;
        start.Environment["TRIBUTARY_TRAINER"] = "1"; // tells tributary.py that stdin and stdout are the protocol's
        foreach ((string name, string value) in offer.Environment)
        {
            start.Environment[name] = value;
        }

        try
        {
            return new TrainerProcess(Process.Start(start)!, offer, place.LogPath, time);
        }
        catch (Win32Exception e)
        {
            throw new TrainerFaultException($"cannot be started: {e.Message}", e);
        }
    }

    /// <summary>Sends a line.</summary>
    /// <exception cref="TrainerFaultException">It has ended, or does not read its stdin.</exception>
    public async Task SendAsync(SiteMessage message, CancellationToken cancellationToken)
    {
        byte[] line = [.. JsonSerializer.SerializeToUtf8Bytes(message, TrainerJson.Default.SiteMessage), (byte)'\n'];
        try
        {
            Stream input = _process.StandardInput.BaseStream;
            await input.WriteAsync(line, cancellationToken).AsTask().WaitAsync(_timeout, _time, cancellationToken);
        }
        catch (TimeoutException e)
        {
            throw new TrainerFaultException($"has not read its stdin for {Text(_timeout)}", e);
        }
        catch (IOException e)
        {
            throw new TrainerFaultException(await DescribeEndAsync(), e);
        }
    }

    /// <summary>The next message.</summary>
    /// <exception cref="TrainerFaultException">It has ended, says nothing for too long, or wrote a line that is no message.</exception>
    public async Task<TrainerMessage> ReceiveAsync(CancellationToken cancellationToken)
    {
        using var silence = new CancellationTokenSource(_timeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, silence.Token);
        try
        {
            while (await _messages.Reader.WaitToReadAsync(either.Token))
            {
                if (_messages.Reader.TryRead(out TrainerMessage? message))
                {
                    return message;
                }
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TrainerFaultException($"has said nothing for {Text(_timeout)}, as long as the site's 'timeout' lets it");
        }

        throw new TrainerFaultException(await DescribeEndAsync());
    }

    /// <summary>Tells it that there are no more tasks, and kills it where it does not end by itself.</summary>
    public async Task EndAsync()
    {
        try
        {
            _process.StandardInput.Close();
            await _process.WaitForExitAsync(CancellationToken.None).WaitAsync(Grace, _time);
        }
        catch (Exception e) when (e is TimeoutException or IOException)
        {
            // It is killed.
        }

        await DisposeAsync();
    }

    /// <summary>Kills it, and the processes that it started.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            _process.Kill(entireProcessTree: true);
        }
        catch (Exception e) when (e is InvalidOperationException or Win32Exception or AggregateException)
        {
            // It, or one of its own, has ended meanwhile.
        }

        // A reader that waits for room goes on, and finds the end.
        _messages.Writer.TryComplete();
        await Exited;
        _process.Dispose();
    }

    private async Task ReadAsync()
    {
        try
        {
            var lines = new LineReader(_process.StandardOutput.BaseStream, LineBytesMax);
            while (await lines.ReadAsync(CancellationToken.None) is { } line)
            {
                await _messages.Writer.WriteAsync(Parse(line));
            }

            _messages.Writer.TryComplete();
        }
        catch (Exception e)
        {
            _messages.Writer.TryComplete(e as TrainerFaultException ?? (e is ChannelClosedException ? null : e));
        }
    }

    /// <summary>
    /// Once the process has ended, what it wrote is read to its end; but not for ever, since a child that it left behind may hold the pipes.
    /// </summary>
    private async Task WatchAsync()
    {
        await _process.WaitForExitAsync(CancellationToken.None);
        using var enough = new CancellationTokenSource();
        await Task.WhenAny(Task.WhenAll(_reading, _errors.Ended), Task.Delay(Drain, _time, enough.Token));
        await enough.CancelAsync();
        _messages.Writer.TryComplete();
    }

    private static TrainerMessage Parse(string line)
    {
        const int ShownMax = 200;
        try
        {
            return JsonSerializer.Deserialize(line, TrainerJson.Default.TrainerMessage) ?? throw new JsonException("null");
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            string shown = line.Length <= ShownMax ? line : line[..ShownMax] + "...";
            throw new TrainerFaultException($"wrote a line on stdout that is no message of the protocol: {shown}", e);
        }
    }

    /// <summary>How it ended, or that it only closed its stdout.</summary>
    private async Task<string> DescribeEndAsync()
    {
        try
        {
            await Exited.WaitAsync(Grace, _time);
        }
        catch (TimeoutException)
        {
            return "closed its stdin or stdout without ending";
        }

        return _process.ExitCode > SignalCodes
            ? $"was killed by signal {_process.ExitCode - SignalCodes}"
            : $"ended with exit code {_process.ExitCode}";
    }

    private static string Text(TimeSpan time) => $"{time.TotalSeconds:0.###} s";
}
