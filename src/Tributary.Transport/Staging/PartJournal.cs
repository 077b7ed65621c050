using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Tributary.Transport;

/// <summary>
/// The record, beside a file in the making, of the parts that have arrived, with their checksums: text lines that are only appended.
/// It also keeps a second process from working on the same file. Not safe for several threads.
/// </summary>
/// <remarks>
/// A line is appended after its part's bytes were written, and neither is flushed then. A process that dies loses nothing, for
/// the system has both; after a loss of power a line may have survived its bytes. So on restart every part on record is read
/// again before it is trusted, which costs less than flushing every part. A last line that was torn is dropped.
/// </remarks>
internal sealed class PartJournal : IDisposable
{
    public const string Suffix = ".parts";

    private const int HeaderLines = 3;

    private readonly string _path;
    private readonly SafeFileHandle _handle;
    private readonly PartChecksum?[] _parts;
    private long _end;

    private PartJournal(string path, SafeFileHandle handle, PartLayout layout)
    {
        _path = path;
        _handle = handle;
        _parts = new PartChecksum?[layout.Count];
    }

    /// <summary>The checksum of a part, or null where it has not arrived.</summary>
    public PartChecksum? this[int part] => _parts[part];

    public IReadOnlyList<PartChecksum?> Parts => _parts;

    public IEnumerable<int> Arrived => Enumerable.Range(0, _parts.Length).Where(part => _parts[part] is not null);

    public IEnumerable<int> Missing => Enumerable.Range(0, _parts.Length).Where(part => _parts[part] is null);

    /// <summary>
    /// Opens the journal of a file, or begins it where there is none for the same length and parts. Which object's they are is told by
    /// their checksums alone.
    /// </summary>
    /// <param name="path">The file's final name.</param>
    /// <param name="layout">The parts.</param>
    /// <exception cref="IOException">It cannot be opened, for instance because another transfer to the same file is running.</exception>
    public static PartJournal Open(string path, PartLayout layout)
    {
        SafeFileHandle handle = File.OpenHandle(path + Suffix, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        try
        {
            var journal = new PartJournal(path, handle, layout);
            string header = Header(layout);
            string text = ReadText(handle);
            if (text.StartsWith(header, StringComparison.Ordinal))
            {
                journal.Replay(text, header.Length);
            }
            else
            {
                journal.Append(header);
            }

            RandomAccess.SetLength(handle, journal._end);
            return journal;
        }
        catch
        {
            handle.Dispose();
            DeleteUnused(path);
            throw;
        }
    }

    public static bool Exists(string path) => File.Exists(path + Suffix);

    /// <summary>The length and the parts that a file's record is of; null where it has none that can be read.</summary>
    public static PartLayout? LayoutOf(string path)
    {
        if (!Exists(path))
        {
            return null;
        }

        string[] lines = [.. File.ReadLines(path + Suffix).Take(HeaderLines)];
        return lines.Length == HeaderLines && long.TryParse(lines[1].Split(' ')[^1], out long length) && int.TryParse(lines[2].Split(' ')[^1], out int partBytes)
            && PartLayout.Refuse(length, partBytes) is null && string.Join('\n', lines) + '\n' == Header(new PartLayout(length, partBytes))
            ? new PartLayout(length, partBytes)
            : null;
    }

    /// <summary>Deletes a record that speaks of nothing: neither file is there, as where the disk had no room for it.</summary>
    public static void DeleteUnused(string path)
    {
        if (!File.Exists(path) && !File.Exists(path + StagedFile.PartialSuffix))
        {
            File.Delete(path + Suffix);
        }
    }

    public void Add(int part, PartChecksum checksum)
    {
        Append($"+ {part} {checksum}\n");
        _parts[part] = checksum;
    }

    public void Drop(int part)
    {
        Append($"- {part}\n");
        _parts[part] = null;
    }

    /// <summary>Drops every part on record whose bytes in the file are not what the record says.</summary>
    public async Task VerifyAsync(SafeFileHandle file, PartLayout layout, CancellationToken cancellationToken)
    {
        int[] arrived = [.. Arrived];
        IReadOnlyDictionary<int, PartChecksum> found = await PartReading.ChecksumsAsync(file, layout, arrived, cancellationToken);
        foreach (int part in arrived)
        {
            if (!found.TryGetValue(part, out PartChecksum checksum) || checksum != _parts[part])
            {
                Drop(part);
            }
        }
    }

    /// <summary>Begins again with nothing, because the file is gone.</summary>
    public void DropAll()
    {
        foreach (int part in Arrived.ToArray())
        {
            Drop(part);
        }
    }

    public void FlushToDisk() => RandomAccess.FlushToDisk(_handle);

    public void Dispose() => _handle.Dispose();

    private static string Header(PartLayout layout) => $"tributary-parts 2\nlength {layout.Length}\npart-bytes {layout.PartBytes}\n";

    private static string ReadText(SafeFileHandle handle)
    {
        byte[] bytes = new byte[RandomAccess.GetLength(handle)];
        int read = PartReading.ReadFully(handle, 0, bytes);
        return Encoding.ASCII.GetString(bytes, 0, read);
    }

    private void Replay(string text, int from)
    {
        while (true)
        {
            int newLine = text.IndexOf('\n', from);
            if (newLine < 0 || !TryApply(text.AsSpan(from, newLine - from)))
            {
                _end = from;
                return;
            }

            from = newLine + 1;
        }
    }

    private bool TryApply(ReadOnlySpan<char> line)
    {
        if (line.Length < 3 || line[0] is not ('+' or '-') || line[1] != ' ')
        {
            return false;
        }

        bool adds = line[0] == '+';
        line = line[2..];
        int space = adds ? line.IndexOf(' ') : line.Length;
        if (space < 0 || !int.TryParse(line[..space], out int part) || (uint)part >= (uint)_parts.Length)
        {
            return false;
        }

        if (!adds)
        {
            _parts[part] = null;
            return true;
        }

        if (!PartChecksum.TryParse(line[(space + 1)..], out PartChecksum checksum))
        {
            return false;
        }

        _parts[part] = checksum;
        return true;
    }

    private void Append(string text)
    {
        byte[] bytes = Encoding.ASCII.GetBytes(text);
        try
        {
            RandomAccess.Write(_handle, bytes, _end);
        }
        catch (IOException e) when (FullDisk.IsFull(e, _path, 0))
        {
            // What was written of the line is overwritten by the next one.
            throw new DiskFullException(_path + Suffix, null, e);
        }

        _end += bytes.Length;
    }
}
