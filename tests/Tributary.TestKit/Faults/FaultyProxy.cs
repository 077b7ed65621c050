using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Tributary.TestKit;

/// <summary>Which way bytes go through a <see cref="FaultyProxy"/>.</summary>
public enum ProxyDirection
{
    /// <summary>From the client to the server.</summary>
    Up,

    /// <summary>From the server to the client.</summary>
    Down,
}

/// <summary>
/// A TCP proxy on 127.0.0.1 that passes bytes on, counts them, and does harm on request: flips a byte, cuts, freezes or slows a connection in
/// the middle, holds everything while a process is killed, sends a request twice. Positions count all bytes of a direction since the proxy
/// began.
/// </summary>
public sealed class FaultyProxy : IAsyncDisposable
{
    private const int BufferBytes = 64 << 10;

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<Socket, bool> _open = [];
    private readonly ConcurrentBag<Task> _running = [];
    private readonly Lock _gate = new();
    private readonly long[] _passed = new long[2];
    private readonly List<long>[] _flips = [[], []];
    private readonly List<long>[] _cuts = [[], []];
    private readonly List<long>[] _freezes = [[], []];
    private readonly List<(long Position, Slowness Slowness)>[] _slow = [[], []];
    private readonly Hold?[] _holds = new Hold?[2];
    private readonly int[] _bytesPerSecond = new int[2];
    private readonly Task _accepting;
    private RequestRepeater? _repeater;
    private int _targetPort;

    /// <summary>Begins to listen.</summary>
    public FaultyProxy(Uri target)
    {
        Target = target;
        _targetPort = target.Port;
        _listener.Start();
        Address = new Uri($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");
        _accepting = AcceptAsync();
    }

    /// <summary>Where clients connect.</summary>
    public Uri Address { get; }

    /// <summary>Where their bytes go. A new target is used by new connections.</summary>
    public Uri Target
    {
        get;
        set
        {
            field = value;
            Volatile.Write(ref _targetPort, value.Port);
        }
    }

    /// <summary>
    /// The byte that follows these, going up, is inverted each time; empty for none. Their first byte must not be among the others.
    /// </summary>
    public ReadOnlyMemory<byte> DamageAfter { get; set; }

    /// <summary>The bytes that passed.</summary>
    public long Passed(ProxyDirection direction) => Interlocked.Read(ref _passed[(int)direction]);

    /// <summary>From now on so many bytes a second pass on each connection; 0 for all.</summary>
    public void Throttle(ProxyDirection direction, int bytesPerSecond) => Volatile.Write(ref _bytesPerSecond[(int)direction], bytesPerSecond);

    /// <summary>Inverts the byte at that position, once.</summary>
    public void FlipAt(ProxyDirection direction, long position) => Plan(_flips, direction, position);

    /// <summary>Cuts the connection that carries the byte at that position, before that byte.</summary>
    public void CutAt(ProxyDirection direction, long position) => Plan(_cuts, direction, position);

    /// <summary>Lets nothing more through on the connection that carries the byte at that position, and tells neither end.</summary>
    public void FreezeAt(ProxyDirection direction, long position) => Plan(_freezes, direction, position);

    /// <summary>
    /// Slows the connection that carries the byte at that position: from there on so many bytes go through at that rate, and later ones as
    /// fast as before.
    /// </summary>
    public void SlowAt(ProxyDirection direction, long position, int bytesPerSecond, long bytes)
    {
        lock (_gate)
        {
            _slow[(int)direction].Add((position, new Slowness(bytesPerSecond, bytes)));
        }
    }

    /// <summary>
    /// Lets nothing more through on any connection once that position is reached, until <see cref="LetGo"/>: whatever is killed meanwhile is
    /// killed at that point, however fast or busy the machine is.
    /// </summary>
    /// <returns>Completes when the position is reached.</returns>
    public Task HoldAt(ProxyDirection direction, long position)
    {
        var hold = new Hold(position);
        lock (_gate)
        {
            _holds[(int)direction] = hold;
        }

        return hold.Reached.Task;
    }

    /// <summary>Ends what <see cref="HoldAt"/> began.</summary>
    public void LetGo(ProxyDirection direction)
    {
        lock (_gate)
        {
            _holds[(int)direction]?.Released.SetResult();
            _holds[(int)direction] = null;
        }
    }

    /// <summary>
    /// Sends the next PUT of a path with that end twice more: when it has been answered, and when a commit has been. Gives what the server
    /// answered to these.
    /// </summary>
    public Func<IReadOnlyList<int>> Repeat(string pathEnd)
    {
        var repeater = new RequestRepeater(pathEnd);
        Volatile.Write(ref _repeater, repeater);
        return () => repeater.Answers;
    }

    /// <summary>Cuts all connections now.</summary>
    public void CutAll()
    {
        foreach (Socket socket in _open.Keys)
        {
            Reset(socket);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        CutAll();
        await _accepting;
        await Task.WhenAll(_running);
        _listener.Dispose();
        _stop.Dispose();
    }

    /// <summary>Ends a connection at once and unsent bytes with it; a second call does nothing.</summary>
    private static void Reset(Socket socket) => socket.Close(timeout: 0);

    private void Plan(List<long>[] plans, ProxyDirection direction, long position)
    {
        lock (_gate)
        {
            plans[(int)direction].Add(position);
        }
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                Socket client = await _listener.AcceptSocketAsync(_stop.Token);
                _running.Add(ServeAsync(client));
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The proxy is being closed.
        }
    }

    private async Task ServeAsync(Socket client)
    {
        using var server = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        client.NoDelay = true;
        _open[client] = true;
        _open[server] = true;
        try
        {
            await server.ConnectAsync(IPAddress.Loopback, Volatile.Read(ref _targetPort), _stop.Token);
            await Task.WhenAll(PumpAsync(client, server, ProxyDirection.Up, client), PumpAsync(server, client, ProxyDirection.Down, client));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // A cut connection is what this proxy is for; both its ends learn of it here.
        }
        finally
        {
            _open.TryRemove(client, out _);
            _open.TryRemove(server, out _);
            Reset(client);
            Reset(server);
        }
    }

    private async Task PumpAsync(Socket from, Socket to, ProxyDirection direction, Socket connection)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        int matched = 0;
        Slowness? slowness = null;
        try
        {
            while (true)
            {
                int pace = slowness is { BytesLeft: > 0 } ? slowness.BytesPerSecond : Volatile.Read(ref _bytesPerSecond[(int)direction]);
                int most = pace > 0 ? Math.Max(1, pace / 10) : BufferBytes;
                int read = await from.ReceiveAsync(buffer.AsMemory(0, most), _stop.Token);
                if (read == 0)
                {
                    to.Shutdown(SocketShutdown.Send);
                    return;
                }

                if (direction == ProxyDirection.Up && !DamageAfter.IsEmpty)
                {
                    Damage(buffer.AsSpan(0, read), DamageAfter.Span, ref matched);
                }

                int pass = Harm(buffer.AsSpan(0, read), direction, out bool frozen, ref slowness);
                await RepeatAsync(buffer.AsMemory(0, pass), direction, connection);
                await HeldAsync(direction);
                for (int sent = 0; sent < pass;)
                {
                    sent += await to.SendAsync(buffer.AsMemory(sent, pass - sent), _stop.Token);
                }

                if (frozen)
                {
                    await Task.Delay(Timeout.Infinite, _stop.Token);
                }

                if (pass < read)
                {
                    Reset(from);
                    Reset(to);
                    return;
                }

                if (pace > 0)
                {
                    await Task.Delay(100, _stop.Token);
                }
            }
        }
        catch
        {
            Reset(from);
            Reset(to);
            throw;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Counts the bytes, flips what is to be flipped, and says how many of them go on.</summary>
    private int Harm(Span<byte> bytes, ProxyDirection direction, out bool frozen, ref Slowness? slowness)
    {
        lock (_gate)
        {
            long begin = _passed[(int)direction];
            int pass = bytes.Length;
            slowness?.BytesLeft -= pass;
            if (_slow[(int)direction].FindIndex(slow => slow.Position < begin + pass) is >= 0 and var slow)
            {
                slowness = _slow[(int)direction][slow].Slowness;
                _slow[(int)direction].RemoveAt(slow);
            }

            frozen = Stops(_freezes[(int)direction], begin, ref pass);
            _ = frozen || Stops(_cuts[(int)direction], begin, ref pass);
            Interlocked.Add(ref _passed[(int)direction], pass);
            foreach (long position in _flips[(int)direction].Where(position => position >= begin && position < begin + pass).ToArray())
            {
                _flips[(int)direction].Remove(position);
                bytes[(int)(position - begin)] ^= 0xFF;
            }

            return pass;
        }
    }

    private async Task RepeatAsync(ReadOnlyMemory<byte> bytes, ProxyDirection direction, Socket connection)
    {
        if (Volatile.Read(ref _repeater) is not { } repeater)
        {
            return;
        }

        if (direction == ProxyDirection.Up)
        {
            repeater.Sent(connection, bytes.Span);
        }
        else
        {
            await repeater.AnsweredAsync(connection, Volatile.Read(ref _targetPort), _stop.Token);
        }
    }

    private async Task HeldAsync(ProxyDirection direction)
    {
        Task released;
        lock (_gate)
        {
            if (_holds[(int)direction] is not { } hold || hold.Position > _passed[(int)direction])
            {
                return;
            }

            hold.Reached.TrySetResult();
            released = hold.Released.Task;
        }

        await released.WaitAsync(_stop.Token);
    }

    private static void Damage(Span<byte> bytes, ReadOnlySpan<byte> after, ref int matched)
    {
        foreach (ref byte value in bytes)
        {
            if (matched == after.Length)
            {
                value = (byte)~value;
                matched = 0;
            }
            else
            {
                matched = value == after[matched] ? matched + 1 : value == after[0] ? 1 : 0;
            }
        }
    }

    /// <summary>Whether one of the positions is among the bytes that pass; if so, it is used up and only those before it pass.</summary>
    private static bool Stops(List<long> positions, long begin, ref int pass)
    {
        long end = begin + pass;
        int at = positions.FindIndex(position => position < end);
        if (at < 0)
        {
            return false;
        }

        pass = (int)Math.Max(0, positions[at] - begin);
        positions.RemoveAt(at);
        return true;
    }

    /// <summary>How slow a connection is, and for how many bytes more.</summary>
    private sealed class Slowness(int bytesPerSecond, long bytes)
    {
        public int BytesPerSecond { get; } = bytesPerSecond;

        public long BytesLeft { get; set; } = bytes;
    }

    /// <summary>Where everything is to stop, and what is told of it.</summary>
    private sealed class Hold(long position)
    {
        public long Position { get; } = position;

        public TaskCompletionSource Reached { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Released { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
