using System.Text;

namespace Tributary.Provisioning;

/// <summary>
/// Files and folders that are there whole or not at all, and private ones that nobody else can read at any moment: the mode is set when the
/// file is made, before there is anything in it.
/// </summary>
internal static class DurableFiles
{
    public const string Unfinished = ".partial";

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OwnerOnlyFolder = OwnerOnly | UnixFileMode.UserExecute;
    private const UnixFileMode Everyone = OwnerOnly | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
    private const UnixFileMode Program = Everyone | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    public static UnixFileMode Mode(FileKind kind) => kind switch
    {
        FileKind.Private => OwnerOnly,
        FileKind.Program => Program,
        _ => Everyone,
    };

    /// <summary>Makes a folder that only its owner can look into, where it is not there.</summary>
    public static void MakeFolder(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
        }
        else
        {
            Directory.CreateDirectory(path, OwnerOnlyFolder);
        }
    }

    public static void Write(string path, string text, FileKind kind = FileKind.Public) => Write(path, kind, stream => stream.Write(Encoding.UTF8.GetBytes(text)));

    /// <summary>Writes a file, replacing what has its name.</summary>
    public static void Write(string path, FileKind kind, Action<Stream> write)
    {
        string temporary = path + Unfinished;
        // A leftover of a killed run may have another mode.
        File.Delete(temporary);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = Mode(kind);
        }

        try
        {
            using (var stream = new FileStream(temporary, options))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            DurableName.Rename(temporary, path);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    /// <summary>Makes a folder with all that is in it, under its final name only when it is complete.</summary>
    public static void WriteFolder(string path, Action<string> fill)
    {
        string temporary = path + Unfinished;
        Remove(temporary);
        MakeFolder(temporary);
        try
        {
            fill(temporary);
            DurableName.RenameFolder(temporary, path);
        }
        catch
        {
            Remove(temporary);
            throw;
        }
    }

    public static void Remove(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}

/// <summary>Who may read a file, and whether it is run.</summary>
internal enum FileKind
{
    Public,
    Private,
    Program,
}
