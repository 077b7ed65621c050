namespace Tributary;

/// <summary>
/// Says of a full disk which folder it is, how much is needed and how much there is: the system says none of it. Compiled into the
/// rooms that write files, some of which do not know each other.
/// </summary>
internal static class FullDisk
{
    /// <summary>The bytes that may still be written in a file's folder; null where that cannot be told.</summary>
    public static long? FreeAt(string path)
    {
        try
        {
            string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
            return new DriveInfo(OperatingSystem.IsWindows() ? Path.GetPathRoot(folder)! : folder).AvailableFreeSpace;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Whether that is what a write has failed of, or the making of a file with room for <paramref name="length"/> bytes.</summary>
    public static bool IsFull(IOException e, string path, long length) => e is not (DirectoryNotFoundException or FileNotFoundException)
        && (IsFull(e.HResult) || (length > 0 && FreeAt(path) < length));

    public static string Describe(string path, long? needed, long? free)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        string room = needed is null ? "cannot grow" : $"needs {needed} bytes";
        return $"{folder}: the disk is full: {Path.GetFileName(path)} {room}, {free?.ToString() ?? "too few"} are free; make room there and begin again";
    }

    private static bool IsFull(int code)
    {
        const int NoSpaceLeft = 28;
        const int QuotaExceeded = 122;
        const int WindowsDiskFull = unchecked((int)0x80070070);
        return OperatingSystem.IsWindows() ? code == WindowsDiskFull : code is NoSpaceLeft or QuotaExceeded;
    }
}
