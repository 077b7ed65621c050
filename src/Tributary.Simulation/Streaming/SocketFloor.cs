using Tributary.Simulation.Experiments;
using Tributary.Simulation.Experiments.Processes;
using Tributary.Simulation.Experiments.Roles;

namespace Tributary.Simulation.Streaming;

/// <summary>The floor of every transfer: file, socket, file, between two processes, until the bytes are on the disk.</summary>
internal static class SocketFloor
{
    public const string Name = "bare socket + fsync";

    /// <summary>The buffers that are tried.</summary>
    public static readonly int[] BufferBytes = [128 << 10, 256 << 10, 512 << 10, 1 << 20];

    /// <summary>The most bytes that are moved to find the best buffer.</summary>
    public const long TrialBytesMax = 1L << 30;

    public static async Task<FloorRun> MeasureAsync(
        int run, ExperimentModel model, long bytes, int bufferBytes, ProgramCommand program, MeasurementPlace place, TimeProvider time, CancellationToken cancellationToken)
    {
        var receiverSettings = new ReceiverSettings(Path.Combine(place.Folder, "received"), bytes, bufferBytes);
        await using RoleProcess receiver = RoleProcess.Start(program, "receiver", receiverSettings, place.Group);
        RoleReady ready = await receiver.UntilAsync<RoleReady>(static _ => { }, cancellationToken);
        var senderSettings = new SenderSettings(model.Files, bytes, bufferBytes, ready.Address!.Port);
        await using RoleProcess sender = RoleProcess.Start(program, "sender", senderSettings, place.Group);
        await sender.UntilAsync<RoleReady>(static _ => { }, cancellationToken);

        await place.TouchMemoryAsync(cancellationToken);
        sender.Begin();
        RoleBegan began = await sender.UntilAsync<RoleBegan>(static _ => { }, cancellationToken);
        Task<BytesWritten> written = receiver.UntilAsync<BytesWritten>(static _ => { }, cancellationToken);

        // The sender tells nothing more until it is told to end, so it ends first only if it failed.
        await await Task.WhenAny(written, sender.Ended);
        double seconds = time.GetElapsedTime(began.At, (await written).At).TotalSeconds;
        long peak = await sender.EndAsync(cancellationToken) + await receiver.EndAsync(cancellationToken);
        return new FloorRun(run, Name, bytes, bufferBytes, seconds, peak, place.Group?.Usage());
    }
}
