using Microsoft.Win32.SafeHandles;

namespace Tributary.Transport;

/// <summary>
/// A file in the making, under a temporary name (<c>.partial</c>) and with its length known: written from front to back by an encoder, or
/// at offsets by parts that arrive in any order, and read meanwhile. Completing it flushes it to disk and gives it its final name.
/// </summary>
/// <remarks>
/// The three streaming modes are its units, the runs of bytes that are held in memory until they are complete and only then written to
/// the file and shown to readers: one unit of the whole length is <i>regular</i>, one for every tensor is <i>container</i>, and no
/// units are <i>file</i>, where every write goes straight through. All members may be used from several threads, except that
/// <see cref="Write"/> has one writer and nobody writes the same bytes at the same time.
/// </remarks>
public sealed class StagedFile : ByteSource
{
    /// <summary>What is appended to the final name until the file is complete.</summary>
    public const string PartialSuffix = ".partial";

    // Bytes that reach the file between two flushes, so that the disk works while others still arrive.
    private const long FlushBytes = 64 << 20;

    private readonly Lock _gate = new();
    private readonly Lock _writing = new();
    private readonly SafeFileHandle _handle;
    private readonly bool _keepPartial;

    // Both null where every write goes straight through.
    private readonly ChunkStore? _chunks;
    private readonly StreamUnits? _units;

    // Bytes that are in the file and may be read.
    private readonly RangeSet _visible = new();
    private Task _flushing = Task.CompletedTask;
    private long _unflushed;
    private TaskCompletionSource? _changed;
    private Exception? _failure;
    private bool _completed;
    private bool _disposed;

    private StagedFile(string path, long length, IReadOnlyList<long>? unitEnds, bool keepPartial, bool resume)
    {
        FilePath = path;
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        Length = length;
        _keepPartial = keepPartial;
        if (unitEnds is { Count: > 0 })
        {
            _units = new StreamUnits(length, unitEnds);
            _chunks = new ChunkStore();
        }

        string partial = path + PartialSuffix;
        if (resume && new FileInfo(partial) is { Exists: true } found && found.Length == length)
        {
            _handle = Open(partial, FileMode.Open, 0);
            Resumed = true;
            return;
        }

        // Preallocated: a disk that is too small says so now, and writing is faster.
        _handle = Allocate(path, length);
    }

    /// <inheritdoc/>
    public override long Length { get; }

    /// <summary>The final name.</summary>
    public string FilePath { get; }

    /// <summary>Whether the bytes of an earlier attempt were found under the temporary name.</summary>
    public bool Resumed { get; }

    /// <summary>Where <see cref="Write"/> goes on, in bytes.</summary>
    public long Position { get; private set; }

    internal SafeFileHandle Handle => _handle;

    /// <summary>Begins a file; what an earlier attempt left under the temporary name is overwritten.</summary>
    /// <param name="path">The final name.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="unitEnds">Where the units end, in bytes and ascending; null or empty for none. See the type's remarks.</param>
    /// <param name="keepPartial">Whether disposing the file before it is complete leaves the temporary file for a later attempt.</param>
    /// <exception cref="DiskFullException">The disk is too small for it; nothing is left behind.</exception>
    /// <exception cref="IOException">The file cannot be made.</exception>
    public static StagedFile Create(string path, long length, IReadOnlyList<long>? unitEnds = null, bool keepPartial = false) =>
        new(path, length, unitEnds, keepPartial, resume: false);

    /// <summary>
    /// Goes on with what an earlier attempt left, or begins anew where there is nothing of that length. The caller knows which bytes of
    /// it are right, and says so with <see cref="MarkResumed"/>.
    /// </summary>
    /// <exception cref="DiskFullException">The disk is too small for a new one; nothing is left behind.</exception>
    /// <exception cref="IOException">The file cannot be opened or made.</exception>
    public static StagedFile Resume(string path, long length, IReadOnlyList<long>? unitEnds = null, bool keepPartial = true) =>
        new(path, length, unitEnds, keepPartial, resume: true);

    /// <summary>
    /// Takes back a file's completion: it has its temporary name again, for <see cref="Resume"/>. Nothing happens where there is none, and
    /// what an attempt after it left under the temporary name is replaced.
    /// </summary>
    /// <exception cref="IOException">It cannot be renamed.</exception>
    internal static void TakeBack(string path)
    {
        if (File.Exists(path))
        {
            DurableName.Rename(path, path + PartialSuffix);
        }
    }

    /// <summary>Writes the next bytes from front to back.</summary>
    /// <exception cref="ArgumentException">They go beyond the length.</exception>
    /// <exception cref="IOException">They cannot be written.</exception>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        long offset = Position;
        WriteAt(offset, bytes);
        MarkWritten(offset, bytes.Length);
        Position = offset + bytes.Length;
    }

    /// <summary>Writes bytes anywhere. Nobody sees them before <see cref="MarkWritten"/>, so they may still turn out to be wrong.</summary>
    /// <exception cref="ArgumentException">They go beyond the length.</exception>
    /// <exception cref="IOException">They cannot be written.</exception>
    public void WriteAt(long offset, ReadOnlySpan<byte> bytes)
    {
        CheckRange(offset, bytes.Length);
        if (_chunks is null)
        {
            WriteOut(offset, bytes);
            return;
        }

        ObjectDisposedException.ThrowIf(_disposed, this);
        _chunks.Write(offset, bytes);
    }

    /// <summary>
    /// Says that a run of bytes is written and right. Units that it completes are written to the file and become visible.
    /// </summary>
    /// <exception cref="IOException">A unit cannot be written.</exception>
    public void MarkWritten(long offset, long count)
    {
        CheckRange(offset, count);
        if (_chunks is null || _units is null)
        {
            Show(offset, offset + count);
            return;
        }

        List<(long From, long To)> complete;
        lock (_gate)
        {
            complete = _units.Complete(offset, offset + count);
        }

        foreach ((long from, long to) in complete)
        {
            Flush(_chunks, from, to);
        }
    }

    /// <summary>Says that a run of bytes that was found in a resumed file is right.</summary>
    public void MarkResumed(long offset, long count)
    {
        CheckRange(offset, count);
        Show(offset, offset + count);
    }

    /// <summary>Whether a run of bytes is in the file and may be read.</summary>
    public bool IsVisible(long offset, long count)
    {
        lock (_gate)
        {
            return _visible.Contains(offset, offset + count);
        }
    }

    /// <inheritdoc/>
    public override void Read(long offset, Span<byte> destination)
    {
        CheckRange(offset, destination.Length);
        if (!IsVisible(offset, destination.Length))
        {
            throw new IOException($"Bytes {offset} to {offset + destination.Length} of {Path.GetFileName(FilePath)} are not there yet.");
        }

        if (PartReading.ReadFully(_handle, offset, destination) < destination.Length)
        {
            throw new IOException($"{Path.GetFileName(FilePath)}{PartialSuffix} became shorter: it ends before byte {offset + destination.Length}.");
        }
    }

    /// <inheritdoc/>
    public override async ValueTask WaitForAsync(long length, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length);
        while (true)
        {
            Task changed;
            lock (_gate)
            {
                if (_visible.Prefix >= length)
                {
                    return;
                }

                if (_failure is not null)
                {
                    // Whoever asked for the bytes may be told, whom the folder does not concern.
                    throw new IOException($"{Path.GetFileName(FilePath)} will not be completed: {_failure.Message}", _failure);
                }

                _changed ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                changed = _changed.Task;
            }

            await changed.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Tells everybody who waits for bytes that they will not come.</summary>
    public void Fail(Exception reason)
    {
        TaskCompletionSource? changed;
        lock (_gate)
        {
            _failure ??= reason;
            changed = _changed;
            _changed = null;
        }

        changed?.SetResult();
    }

    /// <summary>
    /// Flushes the file to disk and gives it its final name, replacing what is there. It can still be read until it is disposed.
    /// </summary>
    /// <exception cref="InvalidOperationException">Bytes are missing.</exception>
    /// <exception cref="IOException">The file cannot be flushed or renamed.</exception>
    public void Complete()
    {
        WaitForFlush();
        lock (_gate)
        {
            if (_completed)
            {
                return;
            }

            if (_failure is not null)
            {
                throw new IOException($"{FilePath} cannot be completed: {_failure.Message}", _failure);
            }

            if (_visible.Gaps(0, Length) is [var gap, ..])
            {
                throw new InvalidOperationException($"{FilePath} cannot be completed: bytes {gap.From} to {gap.To} are missing.");
            }
        }

        FlushToDisk();
        DurableName.Rename(FilePath + PartialSuffix, FilePath);
        lock (_gate)
        {
            _completed = true;
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        if (!_completed)
        {
            Fail(new IOException("whoever wrote it gave up."));
        }

        WaitForFlush();
        _handle.Dispose();
        _chunks?.Dispose();
        if (!_completed && !_keepPartial)
        {
            File.Delete(FilePath + PartialSuffix);
        }
    }

    private static SafeFileHandle Open(string partial, FileMode mode, long length) =>
        File.OpenHandle(partial, mode, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete, FileOptions.None, length);

    private static SafeFileHandle Allocate(string path, long length)
    {
        string partial = path + PartialSuffix;
        long replaced = new FileInfo(partial) is { Exists: true } found ? found.Length : 0;

        // Asked for beforehand, because not every file system can set room aside; where one can, it has the last word.
        if (FullDisk.FreeAt(path) is { } free && length - replaced > free)
        {
            throw new DiskFullException(path, length);
        }

        SafeFileHandle? handle = null;
        try
        {
            handle = Open(partial, FileMode.Create, length);
            RandomAccess.SetLength(handle, length);
            return handle;
        }
        catch (IOException e) when (FullDisk.IsFull(e, path, length))
        {
            handle?.Dispose();
            File.Delete(partial);
            throw new DiskFullException(path, length, e);
        }
    }

    /// <summary>Room was set aside, but not every file system keeps what it promised: one that copies on write does not.</summary>
    private void WriteOut(long offset, ReadOnlySpan<byte> bytes)
    {
        try
        {
            // One writer at a time: file systems let no second one in either, but have it spin, and its core has other things to do.
            lock (_writing)
            {
                RandomAccess.Write(_handle, bytes, offset);
            }
        }
        catch (IOException e) when (FullDisk.IsFull(e, FilePath, 0))
        {
            throw new DiskFullException(FilePath, Length, e);
        }
    }

    private void FlushToDisk()
    {
        try
        {
            RandomAccess.FlushToDisk(_handle);
        }
        catch (IOException e)
        {
            // A system tells of such a fault once and takes the bytes for written then: another flush would succeed, and what is read again comes from memory. So it is not tried again.
            IOException fault = FullDisk.IsFull(e, FilePath, 0) ? new DiskFullException(FilePath, Length, e) : e;
            Fail(fault);
            throw fault;
        }
    }

    private void Flush(ChunkStore chunks, long from, long to)
    {
        List<(long From, long To)> held;
        lock (_gate)
        {
            // What was resumed is in the file already, and not in memory.
            held = _visible.Gaps(from, to);
        }

        foreach ((long first, long end) in held)
        {
            chunks.Read(first, end, WriteOut);
        }

        Show(from, to);

        // A chunk that reaches into a neighbouring unit stays until that one is written, too.
        for (long chunk = from / ChunkStore.ChunkBytes; chunk * ChunkStore.ChunkBytes < to; chunk++)
        {
            long begin = chunk * ChunkStore.ChunkBytes;
            if (IsVisible(begin, Math.Min(ChunkStore.ChunkBytes, Length - begin)))
            {
                chunks.Release(chunk);
            }
        }
    }

    private void Show(long from, long to)
    {
        TaskCompletionSource? changed;
        lock (_gate)
        {
            _units?.Add(from, to);
            _visible.Add(from, to);
            changed = _changed;
            _changed = null;
            _unflushed += to - from;
            if (_unflushed >= FlushBytes && _flushing.IsCompleted && !_disposed)
            {
                _unflushed = 0;
                _flushing = Task.Run(FlushSoon);
            }
        }

        changed?.SetResult();
    }

    /// <summary>Begins to bring to the disk what was written. A fault is told to one flush only, so it is kept until the file is completed.</summary>
    private void FlushSoon()
    {
        try
        {
            FlushToDisk();
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            Fail(e);
        }
    }

    private void WaitForFlush()
    {
        Task flushing;
        lock (_gate)
        {
            flushing = _flushing;
        }

        flushing.Wait();
    }

    private void CheckRange(long offset, long count)
    {
        if (offset < 0 || count < 0 || offset > Length - count)
        {
            throw new ArgumentException($"{FilePath} has {Length} bytes; there is no room for {count} at {offset}.");
        }
    }
}
