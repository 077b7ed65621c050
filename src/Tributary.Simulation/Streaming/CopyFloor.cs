using Tributary.Simulation.Experiments;
using Tributary.Simulation.Experiments.Processes;

namespace Tributary.Simulation.Streaming;

/// <summary>The floor of the disk: the system's own copy of the model's files, until it is on the disk.</summary>
internal static class CopyFloor
{
    public const string Name = "cp + fsync";

    public static async Task<FloorRun> MeasureAsync(int run, ExperimentModel model, MeasurementPlace place, TimeProvider time, CancellationToken cancellationToken)
    {
        await place.TouchMemoryAsync(cancellationToken);
        long start = time.GetTimestamp();
        await ChildProcess.RunAsync("cp", ["--reflink=never", "--", .. model.Files, place.Folder], place.Group, cancellationToken);
        await ChildProcess.RunAsync("sync", ["--", .. model.Files.Select(file => Path.Combine(place.Folder, Path.GetFileName(file)))], place.Group, cancellationToken);
        double seconds = time.GetElapsedTime(start).TotalSeconds;
        return new FloorRun(run, Name, model.FileBytes, null, seconds, null, place.Group?.Usage());
    }
}
