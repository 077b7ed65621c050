using Microsoft.Win32.SafeHandles;

namespace Tributary.Tensors.Safetensors;

/// <summary>A safetensors file as a source. Only its header is in memory; tiles are read where they lie.</summary>
public sealed class SafetensorsFile : TensorSource
{
    private readonly SafeFileHandle _handle;
    private readonly DateTime _changedUtc;

    private SafetensorsFile(string path, SafeFileHandle handle, SafetensorsHeader header)
    {
        Path = path;
        _handle = handle;
        _changedUtc = File.GetLastWriteTimeUtc(handle);
        Header = header;
        Manifest = new TensorManifest(header.Tensors.Select(spec => new TensorEntry(spec)));
    }

    /// <summary>The file's path.</summary>
    public string Path { get; }

    /// <summary>The file's header.</summary>
    public SafetensorsHeader Header { get; }

    /// <inheritdoc/>
    public override TensorManifest Manifest { get; }

    /// <inheritdoc/>
    public override bool IsStored => true;

    /// <summary>Opens a file and checks its header.</summary>
    /// <exception cref="TensorFormatException">The file is malformed; the message names it and what is wrong.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static SafetensorsFile Open(string path)
    {
        SafeFileHandle handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        try
        {
            long length = RandomAccess.GetLength(handle);
            Span<byte> first = stackalloc byte[sizeof(ulong)];
            int got = RandomAccess.Read(handle, first, 0);
            byte[] bytes = new byte[SafetensorsHeader.ParseLength(first[..got], length, path)];
            ReadFully(handle, bytes, 0, path);
            return new SafetensorsFile(path, handle, SafetensorsHeader.Parse(bytes, length, path));
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override void Read(Tile tile, int offset, Span<byte> destination) =>
        ReadBytes(tile.Tensor, Manifest[tile.Tensor].TileOffset(tile.Index) + offset, destination);

    /// <summary>Reads bytes of a tensor's data, counted from its first.</summary>
    /// <exception cref="TensorFormatException">The file was cut short, or written to, since it was opened.</exception>
    public void ReadBytes(int tensor, long offset, Span<byte> destination)
    {
        if (offset < 0 || offset > Manifest[tensor].ByteLength - destination.Length)
        {
            throw new ArgumentOutOfRangeException(nameof(offset), $"tensor '{Manifest[tensor].Spec.Name}' has no bytes {offset} to {offset + destination.Length}.");
        }

        ReadFully(_handle, destination, Header.Offset(tensor) + offset, Path);
        RequireUnchanged();
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _handle.Dispose();
        base.Dispose(disposing);
    }

    /// <summary>A model that somebody writes to while it is read would be half the one and half the other.</summary>
    private void RequireUnchanged()
    {
        DateTime changedUtc = File.GetLastWriteTimeUtc(_handle);
        if (changedUtc != _changedUtc)
        {
            throw new TensorFormatException($"{Path}: was written at {changedUtc:O}, while it was being read; leave it alone and begin again") { Path = Path };
        }
    }

    private static void ReadFully(SafeFileHandle handle, Span<byte> destination, long offset, string path)
    {
        while (destination.Length > 0)
        {
            int read = RandomAccess.Read(handle, destination, offset);
            if (read == 0)
            {
                throw new TensorFormatException($"{path}: ends before byte {offset + destination.Length}; it was cut short after it was opened") { Path = path };
            }

            destination = destination[read..];
            offset += read;
        }
    }
}
