using System.Diagnostics;

namespace Tributary.TestKit;

/// <summary>A small disk of its own (tmpfs), for what happens when a disk fills up. Mounting needs rights that not everybody has.</summary>
public sealed class SmallDisk : IDisposable
{
    private const string Filler = "filler";

    private readonly TempFolder _folder = new();

    private SmallDisk()
    {
    }

    public string Path => _folder.Path;

    public long FreeBytes => new DriveInfo(Path).AvailableFreeSpace;

    public string this[string name] => _folder[name];

    /// <summary>Mounts a disk; null where that is not allowed (never under CI).</summary>
    public static SmallDisk? TryMount(long bytes)
    {
        var disk = new SmallDisk();
        if (OperatingSystem.IsLinux() && Run("mount", "-t", "tmpfs", "-o", $"size={bytes}", "tmpfs", disk.Path))
        {
            return disk;
        }

        disk._folder.Dispose();
        return Repository.IsCi ? throw new InvalidOperationException("CI has to be allowed to mount a tmpfs") : null;
    }

    /// <summary>Takes all room but for that many bytes.</summary>
    public void Fill(long leftBytes = 0)
    {
        using FileStream file = File.Create(this[Filler]);
        byte[] page = new byte[4096];
        for (long left = FreeBytes - leftBytes; left >= page.Length; left -= page.Length)
        {
            file.Write(page);
        }
    }

    /// <summary>Gives the room back.</summary>
    public void MakeRoom() => File.Delete(this[Filler]);

    public void Dispose()
    {
        // Lazily, because what a test has left open must not keep it mounted.
        Run("umount", "--lazy", Path);
        _folder.Dispose();
    }

    private static bool Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, UseShellExecute = false })!;
        process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}
