using System.Net;
using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;
using Tributary.Federation.Workflows;
using Tributary.Tensors;

namespace Tributary.Simulation.Experiments.Roles;

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
        while (settings.Files.Count == 0 && left > 0)
        {
            Span<byte> some = buffer.Bytes[..(int)Math.Min(buffer.Bytes.Length, left)];
            SendAll(socket, some);
            left -= some.Length;
        }

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
        using SafeFileHandle? file = settings.File is { } path
            ? File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, FileOptions.None, settings.Bytes)
            : null;
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start(1);
        console.Tell(new RoleReady(new Uri($"tcp://{listener.LocalEndpoint}")));
        using Socket socket = await listener.AcceptSocketAsync(console.End);

        long received = Receive(socket, file, buffer.Bytes);
        if (received != settings.Bytes)
        {
            throw new JobFailedException($"{settings.File ?? "the socket"}: {received} bytes came, but should be {settings.Bytes}; the sender's connection broke, or the model's files were changed meanwhile");
        }

        if (file is not null)
        {
            RandomAccess.FlushToDisk(file);
        }

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

            SendAll(socket, buffer[..read]);
            sent += read;
        }

        return sent;
    }

    private static void SendAll(Socket socket, Span<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            bytes = bytes[socket.Send(bytes)..];
        }
    }

    private static long Receive(Socket socket, SafeFileHandle? file, Span<byte> buffer)
    {
        long received = 0;
        for (int read = socket.Receive(buffer); read > 0; read = socket.Receive(buffer))
        {
            if (file is not null)
            {
                RandomAccess.Write(file, buffer[..read], received);
            }

            received += read;
        }

        return received;
    }
}
