using Microsoft.Win32.SafeHandles;
using Tributary.Simulation.Experiments;
using Tributary.Simulation.Experiments.Processes;
using Tributary.Simulation.Experiments.Roles;
using Tributary.Tensors;

namespace Tributary.Simulation.Aggregation;

/// <summary>
/// Measures how fast the machine moves bytes in plain loops: the floor is only a floor if nothing is faster, so each figure is the best of
/// some.
/// </summary>
internal sealed class SpeedMeasurement(ExperimentModel model, ProgramCommand program, TimeProvider time)
{
    private const int Tries = 3;
    private const int BufferBytes = 1 << 20;
    private const long BytesMax = 4L << 30;

    public async Task<MachineSpeeds> MeasureAsync(MeasurementPlace place, CancellationToken cancellationToken)
    {
        await place.TouchMemoryAsync(cancellationToken);
        double write = await BestAsync(() => Task.FromResult(Write(Path.Combine(place.Folder, "written"))));
        double socket = await BestAsync(() => SocketAsync(place, cancellationToken));
        double disk = await BestAsync(async () =>
        {
            await MeasurementPlace.ForgetAsync(model, cancellationToken);
            return Read();
        });
        double cached = await BestAsync(() => Task.FromResult(Read()));
        return new MachineSpeeds(Math.Max(cached, disk), disk, socket, write);
    }

    private static async Task<double> BestAsync(Func<Task<double>> measure)
    {
        double best = 0;
        for (int i = 0; i < Tries; i++)
        {
            best = Math.Max(best, await measure());
        }

        return best;
    }

    /// <summary>Reads the model's files on all cores.</summary>
    private double Read()
    {
        long start = time.GetTimestamp();
        long read = 0;
        foreach (string path in model.Files)
        {
            using SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
            long length = RandomAccess.GetLength(file);
            Parallel.For(0, Environment.ProcessorCount, part =>
            {
                using NativeBuffer buffer = NativeBuffer.Rent(BufferBytes);
                long end = length * (part + 1) / Environment.ProcessorCount;
                for (long at = length * part / Environment.ProcessorCount; at < end; at += BufferBytes)
                {
                    Interlocked.Add(ref read, RandomAccess.Read(file, buffer.Bytes[..(int)Math.Min(BufferBytes, end - at)], at));
                }
            });
        }

        return read / time.GetElapsedTime(start).TotalSeconds;
    }

    private double Write(string path)
    {
        using NativeBuffer buffer = NativeBuffer.Rent(BufferBytes);
        buffer.Bytes.Fill(1);
        long bytes = Math.Min(model.SizeIn("fp32").FileLength, BytesMax);
        long start = time.GetTimestamp();
        using (SafeFileHandle file = File.OpenHandle(path, FileMode.Create, FileAccess.Write, FileShare.None, FileOptions.None, bytes))
        {
            for (long at = 0; at < bytes; at += BufferBytes)
            {
                RandomAccess.Write(file, buffer.Bytes[..(int)Math.Min(BufferBytes, bytes - at)], at);
            }

            RandomAccess.FlushToDisk(file);
        }

        double seconds = time.GetElapsedTime(start).TotalSeconds;
        File.Delete(path);
        return bytes / seconds;
    }

    private async Task<double> SocketAsync(MeasurementPlace place, CancellationToken cancellationToken)
    {
        long bytes = Math.Min(model.FileBytes, BytesMax);
        await using RoleProcess receiver = RoleProcess.Start(program, "receiver", new ReceiverSettings(null, bytes, BufferBytes), place.Group);
        RoleReady ready = await receiver.UntilAsync<RoleReady>(static _ => { }, cancellationToken);
        await using RoleProcess sender = RoleProcess.Start(program, "sender", new SenderSettings([], bytes, BufferBytes, ready.Address!.Port), place.Group);
        await sender.UntilAsync<RoleReady>(static _ => { }, cancellationToken);
        sender.Begin();
        RoleBegan began = await sender.UntilAsync<RoleBegan>(static _ => { }, cancellationToken);
        Task<BytesWritten> received = receiver.UntilAsync<BytesWritten>(static _ => { }, cancellationToken);
        await await Task.WhenAny(received, sender.Ended);
        double seconds = time.GetElapsedTime(began.At, (await received).At).TotalSeconds;
        await sender.EndAsync(cancellationToken);
        await receiver.EndAsync(cancellationToken);
        return bytes / seconds;
    }
}
