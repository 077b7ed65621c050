namespace Tributary.Tensors;

/// <summary>The room on the disk of a folder that need not be there yet.</summary>
public static class DiskSpace
{
    private const double MiB = 1 << 20;

    /// <summary>The free bytes.</summary>
    /// <param name="folder">A path; the nearest folder above it that exists counts.</param>
    public static long Free(string folder)
    {
        string? existing = Path.GetFullPath(folder);
        while (!Directory.Exists(existing) && Path.GetDirectoryName(existing) is { } parent)
        {
            existing = parent;
        }

        // Windows knows drives only; elsewhere any folder stands for the file system that it is on.
        return new DriveInfo(OperatingSystem.IsWindows() ? Path.GetPathRoot(existing)! : existing).AvailableFreeSpace;
    }

    /// <summary>Refuses work that would fill the disk.</summary>
    /// <exception cref="IOException">There are fewer bytes; the message says how many are needed and how many there are.</exception>
    public static void Require(string folder, long bytes)
    {
        long free = Free(folder);
        if (free < bytes)
        {
            throw new IOException($"{folder}: {bytes / MiB:N0} MiB are needed there, but only {free / MiB:N0} MiB are free; make room, or choose a folder on another disk");
        }
    }
}
