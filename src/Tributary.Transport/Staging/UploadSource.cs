using Microsoft.Win32.SafeHandles;

namespace Tributary.Transport;

/// <summary>
/// Bytes to be sent, of a length that is known from the beginning, of which the later ones may still be in the making. Any run that is
/// there can be read at any time and again and again, from several threads.
/// </summary>
public abstract class UploadSource : IDisposable
{
    /// <summary>The length in bytes, once everything is there.</summary>
    public abstract long Length { get; }

    /// <summary>Fills the whole span with the bytes from <paramref name="offset"/> on.</summary>
    /// <exception cref="IOException">They cannot be read, or are not there yet.</exception>
    public abstract void Read(long offset, Span<byte> destination);

    /// <summary>Completes when the first <paramref name="length"/> bytes can be read.</summary>
    /// <exception cref="IOException">They will never be there, because whoever makes them failed.</exception>
    public abstract ValueTask WaitForAsync(long length, CancellationToken cancellationToken);

    /// <summary>A finished file as a source.</summary>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    public static UploadSource FromFile(string path) => new FileSource(path);

    /// <summary>Releases what the source opened.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Releases what the source opened.</summary>
    protected virtual void Dispose(bool disposing)
    {
    }

    private sealed class FileSource(string path) : UploadSource
    {
        private readonly SafeFileHandle _handle =
            File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);

        private readonly long _length = new FileInfo(path).Length;

        public override long Length => _length;

        public override void Read(long offset, Span<byte> destination)
        {
            if (PartHashing.ReadFully(_handle, offset, destination) < destination.Length)
            {
                throw new IOException($"{path} became shorter while it was sent: it ends before byte {offset + destination.Length}.");
            }
        }

        public override ValueTask WaitForAsync(long length, CancellationToken cancellationToken) =>
            ValueTask.CompletedTask;

        protected override void Dispose(bool disposing)
        {
            _handle.Dispose();
            base.Dispose(disposing);
        }
    }
}
