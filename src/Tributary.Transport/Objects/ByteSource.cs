using Microsoft.Win32.SafeHandles;

namespace Tributary.Transport;

/// <summary>
/// Bytes to be sent, of a length that is known from the beginning, of which the later ones may still be in the making. Any run that is
/// there can be read at any time and again and again, from several threads.
/// </summary>
public abstract class ByteSource : IDisposable
{
    /// <summary>The length in bytes, once everything is there.</summary>
    public abstract long Length { get; }

    /// <summary>Fills the whole span with the bytes from <paramref name="offset"/> on.</summary>
    /// <exception cref="IOException">They cannot be read, or are not there yet.</exception>
    public abstract void Read(long offset, Span<byte> destination);

    /// <summary>Completes when the first <paramref name="length"/> bytes can be read; at once, unless they are still in the making.</summary>
    /// <exception cref="IOException">They will never be there, because whoever makes them failed.</exception>
    public virtual ValueTask WaitForAsync(long length, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <summary>Looks whether what was read is still what it was. Nothing to look at, unless somebody else may write there.</summary>
    /// <exception cref="SourceChangedException">It is not; the message says where and how.</exception>
    public virtual void RequireUnchanged()
    {
    }

    /// <summary>A finished file as a source. Its length and time of change are held against what they were when it was opened.</summary>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    public static ByteSource FromFile(string path) => new FileSource(path);

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

    private sealed class FileSource : ByteSource
    {
        private readonly string _name;
        private readonly SafeFileHandle _handle;
        private readonly DateTime _changedUtc;

        public FileSource(string path)
        {
            // Messages may go to whoever asked for the bytes, whom the folder does not concern.
            _name = Path.GetFileName(path);
            _handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            _changedUtc = File.GetLastWriteTimeUtc(_handle);
            Length = RandomAccess.GetLength(_handle);
        }

        public override long Length { get; }

        public override void Read(long offset, Span<byte> destination)
        {
            if (PartReading.ReadFully(_handle, offset, destination) < destination.Length)
            {
                throw new SourceChangedException($"{_name} became shorter while it was sent: it ends before byte {offset + destination.Length}.");
            }
        }

        public override void RequireUnchanged()
        {
            long length = RandomAccess.GetLength(_handle);
            if (length != Length)
            {
                throw new SourceChangedException($"{_name} has {length} bytes, and had {Length} when it was opened.");
            }

            DateTime changedUtc = File.GetLastWriteTimeUtc(_handle);
            if (changedUtc != _changedUtc)
            {
                throw new SourceChangedException($"{_name} was written at {changedUtc:O}, after it was opened.");
            }
        }

        protected override void Dispose(bool disposing)
        {
            _handle.Dispose();
            base.Dispose(disposing);
        }
    }
}

/// <summary>What is being sent is no longer what it was. The message names it and what differs.</summary>
public sealed class SourceChangedException : IOException
{
    /// <summary>Makes the error.</summary>
    /// <param name="message">What differs, for whoever asked for the bytes: without the folder, which does not concern them.</param>
    /// <param name="inner">What was found, for whoever serves them; null where that says no more.</param>
    public SourceChangedException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}
