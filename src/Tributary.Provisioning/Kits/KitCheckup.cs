namespace Tributary.Provisioning;

/// <summary>What can be said of a kit by itself.</summary>
public static class KitCheckup
{
    private static readonly TimeSpan EndsSoon = TimeSpan.FromDays(30);

    /// <summary>Checks a kit that could be opened, which says already that its files fit together.</summary>
    public static IEnumerable<Finding> Look(Kit kit, TimeProvider time)
    {
        TimeSpan left = kit.Ends - time.GetUtcNow();
        string until = $"that of {kit.Party}, valid until {Validity.Text(kit.Ends)}";
        yield return left < EndsSoon
            ? Finding.Warning("certificate", until, $"it ends in {Math.Max(0, (int)left.TotalDays)} days: have it renewed ('provision renew'), put the new one into the kit, and start again")
            : Finding.Good("certificate", until);
        string key = Path.Combine(kit.Folder, KitFiles.Key);
        if (OperatingSystem.IsWindows())
        {
            yield break;
        }

        UnixFileMode others = File.GetUnixFileMode(key) & ~(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        yield return others == UnixFileMode.None
            ? Finding.Good("key", "readable for its owner only")
            : Finding.Fault("key", $"{key} can be read by others on this machine", $"run 'chmod 600 {key}', and think of having a new kit made where others use this machine");
    }

    /// <summary>Whether a folder is there or can be made, can be written, and has room.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="freeBytesMin">Less than this is too little for anything.</param>
    public static IEnumerable<Finding> LookAtFolder(string folder, long freeBytesMin)
    {
        string path = Path.GetFullPath(folder);
        string? reason = null;
        try
        {
            Directory.CreateDirectory(path);
            string probe = Path.Combine(path, $".probe-{Guid.NewGuid():N}");
            using (new FileStream(probe, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose))
            {
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            reason = e.Message;
        }

        if (reason is not null)
        {
            yield return Finding.Fault("folder", $"{path} cannot be written: {reason}", "give it to the account that runs the program, or name another one under 'folder'");
            yield break;
        }

        long free = new DriveInfo(OperatingSystem.IsWindows() ? Path.GetPathRoot(path)! : path).AvailableFreeSpace;
        string room = $"{path} has {free / (1 << 20)} MiB free";
        yield return free < freeBytesMin
            ? Finding.Fault("folder", room, "make room there; 'tributary plan job.yaml' says how much a job needs")
            : Finding.Good("folder", room);
    }
}
