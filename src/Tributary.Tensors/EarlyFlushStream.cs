namespace Tributary.Tensors;

/// <summary>
/// Writes to a file and brings to the disk, a stretch at a time, what has been written while more is: the disk works while the writer
/// computes, and a flush at the end finds little left to do.
/// </summary>
internal sealed class EarlyFlushStream(FileStream file) : Stream
{
    private const long StretchBytes = 64 << 20;

    private Task _flushing = Task.CompletedTask;
    private long _unflushed;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => file.Length;

    public override long Position
    {
        get => file.Position;
        set => throw new NotSupportedException();
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        file.Write(buffer);
        _unflushed += buffer.Length;
        if (_unflushed >= StretchBytes && _flushing.IsCompleted)
        {
            // A system tells of a fault once only, so it is thrown here and not left for a later flush, which would succeed.
            _flushing.GetAwaiter().GetResult();
            _unflushed = 0;
            _flushing = Task.Run(() => RandomAccess.FlushToDisk(file.SafeFileHandle));
        }
    }

    /// <summary>All that was written is on the disk when it returns.</summary>
    public override void Flush()
    {
        _flushing.GetAwaiter().GetResult();
        file.Flush(flushToDisk: true);
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            // After an error nobody asks how the flush went, but it has to be over before its file is closed.
            Task.WaitAny(_flushing);
            file.Dispose();
        }

        base.Dispose(disposing);
    }
}
