namespace Tributary.Tensors;

/// <summary>Files that are there whole or not at all: written under a temporary name, forced to the disk, renamed.</summary>
public static class DurableFile
{
    /// <summary>Writes a file, replacing what has its name.</summary>
    /// <param name="path">The final path.</param>
    /// <param name="length">The length it will have, allocated beforehand so that a full disk is found before the work; 0 if unknown.</param>
    /// <param name="write">Writes the content.</param>
    /// <exception cref="IOException">The disk is full, or the folder cannot be written; nothing stands under the path.</exception>
    public static void Write(string path, long length, Action<Stream> write)
    {
        string temporary = path + ".partial";
        try
        {
            using (var stream = new EarlyFlushStream(Create(temporary, path, length)))
            {
                write(stream);
                stream.Flush();
            }

            DurableName.Rename(temporary, path);
        }
        catch (IOException e) when (FullDisk.IsFull(e, path, 0))
        {
            // Gone first, so that what is said to be free is.
            File.Delete(temporary);
            throw Full(path, length, e);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    /// <summary>Gives a file that is on the disk already another name on the same disk, replacing what has it.</summary>
    public static void Move(string from, string to) => DurableName.Rename(from, to);

    /// <summary>Writes a text file in UTF-8.</summary>
    public static void WriteText(string path, string text) => Write(path, 0, stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(text)));

    private static FileStream Create(string temporary, string path, long length)
    {
        try
        {
            return new FileStream(temporary, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, BufferSize = 0, PreallocationSize = length });
        }
        catch (IOException e) when (FullDisk.IsFull(e, path, length))
        {
            throw Full(path, length, e);
        }
    }

    private static IOException Full(string path, long length, IOException e) =>
        new(FullDisk.Describe(path, length > 0 ? length : null, FullDisk.FreeAt(path)), e);
}
