using System.Collections.Immutable;
using Microsoft.Win32.SafeHandles;

namespace Tributary.Transport;

/// <summary>The file of an object is no longer what was recorded of it. The message names the file and what differs.</summary>
public sealed class ObjectFileChangedException : IOException
{
    /// <summary>Makes the error.</summary>
    public ObjectFileChangedException(string message)
        : base(message)
    {
    }
}

/// <summary>
/// An object served from a file where it lies, with the record of its parts. The file must not change any more: its length and time
/// of change are looked at for every part that is sent, and a part is hashed on its way out when nobody has hashed it before.
/// </summary>
public sealed class ObjectFile
{
    private readonly bool[] _proven;
    private readonly DateTime _changedUtc;

    private ObjectFile(string path, ObjectDescriptor descriptor, DateTime changedUtc, bool proven)
    {
        FilePath = path;
        Descriptor = descriptor;
        _changedUtc = changedUtc;
        _proven = new bool[descriptor.Layout.Count];
        Array.Fill(_proven, proven);
    }

    /// <summary>The file.</summary>
    public string FilePath { get; }

    /// <summary>The object's length and digests.</summary>
    public ObjectDescriptor Descriptor { get; }

    /// <summary>Makes an object of a file: reads and hashes it once.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="ObjectFileChangedException">The file changed while it was hashed.</exception>
    public static async Task<ObjectFile> CreateAsync(string id, string path, int partBytes, CancellationToken cancellationToken)
    {
        using SafeFileHandle handle = OpenForReading(path);
        DateTime changedUtc = File.GetLastWriteTimeUtc(handle);
        var layout = new PartLayout(RandomAccess.GetLength(handle), partBytes);
        IReadOnlyDictionary<int, Sha256Digest> digests =
            await PartHashing.HashAsync(handle, layout, Enumerable.Range(0, layout.Count), cancellationToken);
        ImmutableArray<Sha256Digest> parts = [.. Enumerable.Range(0, layout.Count).Select(part => digests[part])];
        var file = new ObjectFile(path, new ObjectDescriptor(id, layout, parts), changedUtc, proven: true);
        file.CheckUnchanged(handle);
        return file;
    }

    /// <summary>Takes a file and what was recorded of it earlier. Its parts are hashed when they are sent for the first time.</summary>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    /// <exception cref="ObjectFileChangedException">The file has another length than the record.</exception>
    public static ObjectFile Open(string path, ObjectDescriptor descriptor)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        using SafeFileHandle handle = OpenForReading(path);
        var file = new ObjectFile(path, descriptor, File.GetLastWriteTimeUtc(handle), proven: false);
        file.CheckUnchanged(handle);
        return file;
    }

    internal SafeFileHandle OpenUnchanged()
    {
        SafeFileHandle handle = OpenForReading(FilePath);
        try
        {
            CheckUnchanged(handle);
            return handle;
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    internal void CheckUnchanged(SafeFileHandle handle)
    {
        long length = RandomAccess.GetLength(handle);
        if (length != Descriptor.Length)
        {
            throw Changed($"it has {length} bytes, recorded were {Descriptor.Length}.");
        }

        DateTime changedUtc = File.GetLastWriteTimeUtc(handle);
        if (changedUtc != _changedUtc)
        {
            throw Changed($"it was written at {changedUtc:O}, recorded was {_changedUtc:O}.");
        }
    }

    /// <summary>Whether this process has hashed that part of the file already.</summary>
    internal bool IsProven(int part) => Volatile.Read(ref _proven[part]);

    internal void Prove(int part, Sha256Digest found)
    {
        if (found != Descriptor.Parts[part])
        {
            throw Changed(
                $"part {part} (bytes from {Descriptor.Layout.OffsetOf(part)}) has the SHA-256 {found}, "
                + $"recorded was {Descriptor.Parts[part]}.");
        }

        Volatile.Write(ref _proven[part], true);
    }

    /// <summary>The error that names the file and what differs.</summary>
    internal ObjectFileChangedException Changed(string how) =>
        new($"{FilePath} changed since it was recorded as object {Descriptor.Id}: {how}");

    private static SafeFileHandle OpenForReading(string path) =>
        File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
}
