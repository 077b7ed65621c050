using System.Net;
using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;
using Tributary.Federation.Workflows;
using Tributary.Tensors;

namespace Tributary.Simulation.Streaming.Roles;

/// <summary>
/// The floor under every transfer: one process reads files and writes them into one socket, another reads that and writes a file, in
/// plain loops. No digest, no protocol, nothing to go on from.
/// </summary>
internal static class SocketRoles
{
    public static async Task SendAsync(SenderSettings settings, RoleConsole console, TimeProvider time)
    {
        using NativeBuffer buffer = NativeBuffer.Rent(settings.BufferBytes);
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        console.Tell(new RoleReady(null));
        await console.BeginAsync();
        console.Tell(new RoleBegan(time.GetTimestamp()));

        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, settings.Port), console.End);
        long left = settings.Bytes;
        foreach (string file in settings.Files.TakeWhile(_ => left > 0))
        {
            using SafeFileHandle handle = File.OpenHandle(file, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, FileOptions.SequentialScan);
            left -= Send(handle, socket, buffer.Bytes, left);
        }

        socket.Shutdown(SocketShutdown.Send);
        await console.EndAsync();
    }

    public static async Task ReceiveAsync(ReceiverSettings settings, RoleConsole console, TimeProvider time)
    {
        using NativeBuffer buffer = NativeBuffer.Rent(settings.BufferBytes);
        using SafeFileHandle file = File.OpenHandle(settings.File, FileMode.CreateNew, FileAccess.Write, FileShare.None, FileOptions.None, settings.Bytes);
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start(1);
        console.Tell(new RoleReady(new Uri($"tcp://{listener.LocalEndpoint}")));
        using Socket socket = await listener.AcceptSocketAsync(console.End);

        long received = Receive(socket, file, buffer.Bytes);
        if (received != settings.Bytes)
        {
            throw new JobFailedException($"{settings.File}: {received} bytes came, but should be {settings.Bytes}; the sender's connection broke, or the model's files were changed meanwhile");
        }

        RandomAccess.FlushToDisk(file);
        console.Tell(new BytesWritten(time.GetTimestamp()));
        await console.EndAsync();
    }

    private static long Send(SafeFileHandle file, Socket socket, Span<byte> buffer, long bytesMax)
    {
        long sent = 0;
        while (sent < bytesMax)
        {
            int read = RandomAccess.Read(file, buffer[..(int)Math.Min(buffer.Length, bytesMax - sent)], sent);
            if (read == 0)
            {
                break;
            }

            for (Span<byte> rest = buffer[..read]; rest.Length > 0;)
            {
                rest = rest[socket.Send(rest)..];
            }

            sent += read;
        }

        return sent;
    }

    private static long Receive(Socket socket, SafeFileHandle file, Span<byte> buffer)
    {
        long received = 0;
        for (int read = socket.Receive(buffer); read > 0; read = socket.Receive(buffer))
        {
            RandomAccess.Write(file, buffer[..read], received);
            received += read;
        }

        return received;
    }
}
