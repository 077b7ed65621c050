using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Tributary.TestKit;

/// <summary>
/// Keeps one PUT of the connections that a <see cref="FaultyProxy"/> carries, head and body, and sends it to the server again over a connection
/// of its own: when it has been answered, and once more when a commit has been answered; each time before the client learns of the answer. A
/// client that sends no request before the last was answered begins each with the first byte of a read.
/// </summary>
internal sealed class RequestRepeater(string pathEnd)
{
    private const string HeadEnd = "\r\n\r\n";

    private readonly Lock _gate = new();
    private readonly MemoryStream _bytes = new();
    private readonly HashSet<object> _due = [];
    private readonly List<int> _answers = [];
    private object? _connection;
    private long _length = -1;

    /// <summary>The statuses that the server answered with so far.</summary>
    public IReadOnlyList<int> Answers
    {
        get
        {
            lock (_gate)
            {
                return [.. _answers];
            }
        }
    }

    private bool IsComplete => _length >= 0 && _bytes.Length == _length;

    /// <summary>Takes what a connection carries up.</summary>
    public void Sent(object connection, ReadOnlySpan<byte> bytes)
    {
        lock (_gate)
        {
            if (Begins(bytes, "POST ", "/commit"))
            {
                _due.Add(connection);
            }

            if (_connection is null && Begins(bytes, "PUT ", pathEnd))
            {
                _connection = connection;
            }

            if (_connection != connection || IsComplete)
            {
                return;
            }

            _bytes.Write(bytes);
            if (_length < 0)
            {
                string head = Encoding.ASCII.GetString(_bytes.GetBuffer(), 0, (int)_bytes.Length);
                int end = head.IndexOf(HeadEnd, StringComparison.Ordinal);
                _length = end < 0 ? -1 : end + HeadEnd.Length + ContentLength(head[..end]);
            }

            if (IsComplete)
            {
                _due.Add(connection);
            }
        }
    }

    /// <summary>Sends the request again where a connection's answer is one to do so after.</summary>
    public async Task AnsweredAsync(object connection, int port, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (!_due.Remove(connection) || !IsComplete)
            {
                return;
            }
        }

        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, port, cancellationToken);
        await using var stream = new NetworkStream(socket);
        await stream.WriteAsync(_bytes.GetBuffer().AsMemory(0, (int)_bytes.Length), cancellationToken);
        using var reader = new StreamReader(stream, Encoding.ASCII);
        string line = await reader.ReadLineAsync(cancellationToken) ?? throw new IOException("the server did not answer a request that was sent twice");
        lock (_gate)
        {
            _answers.Add(int.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture));
        }
    }

    private static bool Begins(ReadOnlySpan<byte> bytes, string method, string pathEnd)
    {
        int lineEnd = bytes.IndexOf("\r\n"u8);
        string line = lineEnd < 0 ? string.Empty : Encoding.ASCII.GetString(bytes[..lineEnd]);
        return line.StartsWith(method, StringComparison.Ordinal) && line.EndsWith(pathEnd + " HTTP/1.1", StringComparison.Ordinal);
    }

    private static long ContentLength(string head) => long.Parse(
        head.Split("\r\n").Single(line => line.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase)).Split(':')[1], CultureInfo.InvariantCulture);
}
