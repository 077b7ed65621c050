using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Tributary.Server.Tests.Harness;

/// <summary>An outbound HTTP proxy as hospitals have them: it tunnels (CONNECT), asks for a password, and writes down where to.</summary>
internal sealed class ConnectProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentBag<Task> _tunnels = [];
    private readonly Task _loop;

    public ConnectProxy()
    {
        _listener.Start();
        _loop = LoopAsync();
    }

    public Uri Address => new($"http://user:secret@127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");

    /// <summary>The requests that were tunnelled, such as <c>CONNECT 127.0.0.1:443 HTTP/1.1</c>.</summary>
    public ConcurrentQueue<string> Tunnelled { get; } = new();

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await Task.WhenAll([_loop, .. _tunnels]).ContinueWith(static _ => { }, TaskScheduler.Default);
        _stop.Dispose();
    }

    private async Task LoopAsync()
    {
        while (true)
        {
            Socket client = await _listener.AcceptSocketAsync(_stop.Token);
            _tunnels.Add(TunnelAsync(client));
        }
    }

    private async Task TunnelAsync(Socket client)
    {
        using var near = new NetworkStream(client, ownsSocket: true);
        string request = await ReadHeadAsync(near);
        while (!request.Contains("Proxy-Authorization: Basic " + Convert.ToBase64String("user:secret"u8), StringComparison.OrdinalIgnoreCase))
        {
            await near.WriteAsync("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"out\"\r\nContent-Length: 0\r\n\r\n"u8.ToArray(), _stop.Token);
            request = await ReadHeadAsync(near);
        }

        string first = request.Split("\r\n")[0];
        string[] target = first.Split(' ')[1].Split(':');
        using var server = new TcpClient();
        await server.ConnectAsync(target[0], int.Parse(target[1]), _stop.Token);
        Tunnelled.Enqueue(first);
        await near.WriteAsync("HTTP/1.1 200 Connection Established\r\n\r\n"u8.ToArray(), _stop.Token);
        await Task.WhenAny(near.CopyToAsync(server.GetStream(), _stop.Token), server.GetStream().CopyToAsync(near, _stop.Token));
    }

    private async Task<string> ReadHeadAsync(NetworkStream stream)
    {
        var head = new StringBuilder();
        byte[] one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            await stream.ReadExactlyAsync(one, _stop.Token);
            head.Append((char)one[0]);
        }

        return head.ToString();
    }
}
