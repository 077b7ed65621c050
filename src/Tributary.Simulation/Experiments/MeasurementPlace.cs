using System.Globalization;
using Tributary.Federation.Workflows;
using Tributary.Simulation.Experiments.Processes;

namespace Tributary.Simulation.Experiments;

/// <summary>
/// Where one measurement takes place, alike for all: an empty folder, nothing that waits to be written, the model's files read once, and a
/// memory group where there is a limit. All of it is gone afterwards.
/// </summary>
internal sealed class MeasurementPlace : IDisposable
{
    private readonly long _modelBytes;

    private MeasurementPlace(string folder, long modelBytes, MemoryGroup? group)
    {
        Folder = folder;
        _modelBytes = modelBytes;
        Group = group;
    }

    public string Folder { get; }

    public MemoryGroup? Group { get; }

    public static async Task<MeasurementPlace> PrepareAsync(string folder, ExperimentModel model, long? limitBytes, CancellationToken cancellationToken)
    {
        MemoryGroup? group = limitBytes is { } limit ? MemoryGroup.Create(limit) : null;
        var place = new MeasurementPlace(folder, model.FileBytes, group);
        try
        {
            Directory.CreateDirectory(folder);
            await ChildProcess.RunAsync("sync", [], null, cancellationToken);
            if (group is not null)
            {
                // A page counts where it was first read: forgotten here and read again there, the model's pages are the group's.
                await ForgetAsync(model, cancellationToken);
            }

            await ReadAsync(model, ["bs=1M"], group, cancellationToken);
            group?.Restart();
            return place;
        }
        catch
        {
            place.Dispose();
            throw;
        }
    }

    /// <summary>Measures here. Where the memory limit made it fail, the error says so.</summary>
    public async Task<T> MeasureAsync<T>(Func<Task<T>> measure)
    {
        try
        {
            return await measure();
        }
        catch (JobFailedException e) when (Group?.Usage() is { Kills: > 0 } usage)
        {
            throw new JobFailedException($"the memory limit of {usage.LimitBytes >> 20} MiB is too small, so that the system killed a process; give a larger one. {e.Message}", e);
        }
    }

    /// <summary>Has the page cache forget the model's files.</summary>
    public static Task ForgetAsync(ExperimentModel model, CancellationToken cancellationToken) => ReadAsync(model, ["iflag=nocache", "count=0"], null, cancellationToken);

    /// <summary>
    /// Writes a file of the model's size and removes it, so that the memory for a copy of the model is the machine's own: a virtual machine
    /// that has given free memory back to its host pays for getting it again. It gives it back within seconds, so this is done when all
    /// processes stand ready, right before the clock starts; else whoever takes longer to start would pay more. Nothing under a memory limit.
    /// </summary>
    public async Task TouchMemoryAsync(CancellationToken cancellationToken)
    {
        if (Group is null)
        {
            string file = Path.Combine(Folder, "touched");
            string mebibytes = (_modelBytes >> 20).ToString(CultureInfo.InvariantCulture);
            await ChildProcess.RunAsync("dd", ["if=/dev/zero", $"of={file}", "bs=1M", $"count={mebibytes}", "status=none"], null, cancellationToken);
            File.Delete(file);
        }
    }

    public void Dispose()
    {
        if (Directory.Exists(Folder))
        {
            Directory.Delete(Folder, recursive: true);
        }

        Group?.Dispose();
    }

    private static async Task ReadAsync(ExperimentModel model, string[] how, MemoryGroup? group, CancellationToken cancellationToken)
    {
        foreach (string file in model.Files)
        {
            await ChildProcess.RunAsync("dd", [$"if={file}", "of=/dev/null", "status=none", .. how], group, cancellationToken);
        }
    }
}
