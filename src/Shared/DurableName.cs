using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Tributary;

/// <summary>
/// Makes a file or folder survive a loss of power under its final name. Compiled into the rooms at the bottom that write files, none of which
/// knows another.
/// </summary>
internal static partial class DurableName
{
    /// <summary>Renames a file whose content is on disk already, and makes the rename durable.</summary>
    public static void Rename(string from, string to)
    {
        File.Move(from, to, overwrite: true);
        SyncFolder(Path.GetDirectoryName(Path.GetFullPath(to))!);
    }

    /// <summary>Renames a folder whose files are on disk already to a name that is free, and makes the rename durable.</summary>
    public static void RenameFolder(string from, string to)
    {
        SyncFolder(from);
        Directory.Move(from, to);
        SyncFolder(Path.GetDirectoryName(Path.GetFullPath(to))!);
    }

    /// <summary>On Unix a new name is durable when its folder has been flushed; Windows journals names itself.</summary>
    private static void SyncFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        const int ReadOnly = 0;
        int descriptor = OpenFile(folder, ReadOnly);
        if (descriptor < 0)
        {
            throw new IOException($"{folder} cannot be opened to flush it: {LastError()}");
        }

        try
        {
            // Some network file systems do not know the call for a folder and say EINVAL; there is nothing more to do there.
            const int InvalidArgument = 22;
            if (SyncFile(descriptor) != 0 && Marshal.GetLastPInvokeError() != InvalidArgument)
            {
                throw new IOException($"{folder} cannot be flushed: {LastError()}");
            }
        }
        finally
        {
            _ = CloseFile(descriptor);
        }
    }

    private static string LastError() => new Win32Exception(Marshal.GetLastPInvokeError()).Message;

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int OpenFile(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SyncFile(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int CloseFile(int descriptor);
}
