namespace Tributary;

/// <summary>
/// Keeps a second process, or a second one in this process, from working in the same folder. A file that is held open: the system lets go of
/// it when a process ends, however it ends. Compiled into server and site, neither of which knows the other.
/// </summary>
internal sealed class FolderLock : IDisposable
{
    private const string Name = "in-use";

    private readonly FileStream _file;

    private FolderLock(FileStream file) => _file = file;

    /// <summary>Makes the folder, where it is not there, and takes it.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="user">What takes it, such as <c>server</c>.</param>
    /// <exception cref="IOException">Another one has it.</exception>
    public static FolderLock Take(string folder, string user)
    {
        Directory.CreateDirectory(folder);
        try
        {
            return new FolderLock(new FileStream(Path.Combine(folder, Name), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException e) when (IsTaken(e.HResult))
        {
            throw new IOException($"{folder} is in use by another {user}; stop that one, or give this one another folder", e);
        }
    }

    public void Dispose() => _file.Dispose();

    private static bool IsTaken(int code)
    {
        const int WouldBlock = 11;
        const int WouldBlockOnMac = 35;
        const int SharingViolation = unchecked((int)0x80070020);
        return code is WouldBlock or WouldBlockOnMac or SharingViolation;
    }
}
