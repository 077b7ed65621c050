using System.Collections.Immutable;
using Microsoft.AspNetCore.Http;

namespace Tributary.Transport;

/// <summary>
/// An object on its way in: a preallocated file that parts are written into as they arrive, and the record of those that did. Committing
/// it gives the file its final name, and only that; until then nothing stands under it. Safe for several threads.
/// </summary>
/// <remarks>
/// Three names belong to it: the final one, the same with <c>.partial</c> while parts arrive, and with <c>.parts</c> the record. The record
/// stays beside a committed file, so that the same commit is answered the same way after a restart.
/// </remarks>
public sealed class ObjectUpload : IDisposable
{
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _commitGate = new(1);
    private readonly Dictionary<int, PartLease> _leases = [];
    private readonly PartJournal _journal;
    private readonly StagedFile? _file;
    private bool _sealed;

    private ObjectUpload(string id, string path, PartLayout layout, PartJournal journal, StagedFile? file)
    {
        Id = id;
        FilePath = path;
        Layout = layout;
        _journal = journal;
        _file = file;
        if (file is null)
        {
            _sealed = true;
            Committed = Describe();
        }
    }

    /// <summary>The object's id, which the caller chose.</summary>
    public string Id { get; }

    /// <summary>The final name of the file.</summary>
    public string FilePath { get; }

    /// <summary>The length and how it is cut.</summary>
    public PartLayout Layout { get; }

    /// <summary>The object, once it is committed; null before.</summary>
    public ObjectDescriptor? Committed { get; private set; }

    /// <summary>Begins an upload, or goes on with one that was begun under the same name, also after a crash.</summary>
    /// <param name="id">The object's id.</param>
    /// <param name="path">The final name of its file. The caller makes sure that it is a name of its own choosing.</param>
    /// <param name="layout">The length and how it is cut; the same as when it was begun.</param>
    /// <param name="cancellationToken">Stops reading what is there.</param>
    /// <exception cref="DiskFullException">The disk is too small for it; nothing is left behind.</exception>
    /// <exception cref="IOException">
    /// The file cannot be made or opened, or a file is there that is no upload.
    /// </exception>
    public static async Task<ObjectUpload> OpenAsync(string id, string path, PartLayout layout, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(id);
        ArgumentNullException.ThrowIfNull(layout);
        if (File.Exists(path) && !PartJournal.Exists(path))
        {
            throw Foreign(path, layout);
        }

        var journal = PartJournal.Open(path, layout);
        StagedFile? file = null;
        try
        {
            if (File.Exists(path))
            {
                return journal.Missing.Any()
                    ? throw Foreign(path, layout)
                    : new ObjectUpload(id, path, layout, journal, file: null);
            }

            file = StagedFile.Resume(path, layout.Length);
            if (file.Resumed)
            {
                await journal.VerifyAsync(file.Handle, layout, cancellationToken);
            }
            else
            {
                journal.DropAll();
            }

            foreach (int part in journal.Arrived)
            {
                file.MarkResumed(layout.OffsetOf(part), layout.BytesOf(part));
            }

            return new ObjectUpload(id, path, layout, journal, file);
        }
        catch
        {
            file?.Dispose();
            journal.Dispose();
            PartJournal.DeleteUnused(path);
            throw;
        }
    }

    /// <summary>
    /// The same, but one that was committed is taken back, so that its parts can be replaced: nothing stands under the final name until it
    /// is committed anew. With another length or other parts nothing of it is kept. Whoever still holds it has to be disposed of before.
    /// </summary>
    /// <param name="id">The object's id.</param>
    /// <param name="path">The final name of its file.</param>
    /// <param name="layout">The length and how it is cut.</param>
    /// <param name="cancellationToken">Stops reading what is there.</param>
    /// <exception cref="IOException">As <see cref="OpenAsync"/>.</exception>
    public static Task<ObjectUpload> ReopenAsync(string id, string path, PartLayout layout, CancellationToken cancellationToken)
    {
        if (PartJournal.Exists(path))
        {
            StagedFile.TakeBack(path);
        }

        return OpenAsync(id, path, layout, cancellationToken);
    }

    /// <summary>Finds an upload that was committed, also before a restart; null where nothing was under that name.</summary>
    /// <param name="id">The object's id.</param>
    /// <param name="path">The final name of its file.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="IOException">The record cannot be read, or is not of the file that is there.</exception>
    public static async Task<ObjectUpload?> FindCommittedAsync(string id, string path, CancellationToken cancellationToken) =>
        File.Exists(path) && PartJournal.LayoutOf(path) is { } layout ? await OpenAsync(id, path, layout, cancellationToken) : null;

    /// <summary>The parts that have not arrived, as runs of first and last number.</summary>
    public IReadOnlyList<(int First, int Last)> Missing()
    {
        lock (_gate)
        {
            return [.. Problem.Runs(_journal.Missing).Select(run => (run[0], run[1]))];
        }
    }

    /// <summary>
    /// Closes the files and leaves them as they are, for a later <see cref="OpenAsync"/>. A commit under way is waited for; requests that
    /// still write parts fail.
    /// </summary>
    public void Dispose()
    {
        // Not disposed itself: a request may yet come to it, and it holds nothing of the system's.
        _commitGate.Wait();
        try
        {
            lock (_gate)
            {
                _sealed = true;
                _file?.Dispose();
                _journal.Dispose();
            }
        }
        finally
        {
            _commitGate.Release();
        }
    }

    internal UploadStateJson State()
    {
        lock (_gate)
        {
            return new UploadStateJson(
                Id,
                Layout.Length,
                Layout.PartBytes,
                Committed is not null,
                Committed?.Digest,
                Problem.Runs(_journal.Missing),
                [.. _journal.Parts]);
        }
    }

    /// <summary>Gives the right to write a part; or neither lease nor problem where the very same part is there already.</summary>
    internal async Task<(PartLease? Lease, Problem? Problem)> BeginPartAsync(
        int part, PartChecksum claimed, CancellationToken cancellationToken)
    {
        while (true)
        {
            PartLease? other;
            lock (_gate)
            {
                if (_journal[part] == claimed)
                {
                    return (null, null);
                }

                if (_sealed)
                {
                    return (null, new Problem(
                        StatusCodes.Status409Conflict,
                        ProblemTypes.UploadCommitted,
                        "The upload is committed",
                        $"Upload {Id} is committed or closed; part {part} cannot be replaced. Begin a new upload."));
                }

                if (!_leases.TryGetValue(part, out other))
                {
                    if (_journal[part] is not null)
                    {
                        _journal.Drop(part);
                    }

                    var lease = new PartLease(this, part);
                    _leases.Add(part, lease);
                    return (lease, null);
                }
            }

            await other.TakeOverAsync(cancellationToken);
        }
    }

    internal void Write(int part, int offset, ReadOnlySpan<byte> bytes) => _file!.WriteAt(Layout.OffsetOf(part) + offset, bytes);

    internal void Accept(int part, PartChecksum checksum)
    {
        lock (_gate)
        {
            _journal.Add(part, checksum);
            _file!.MarkWritten(Layout.OffsetOf(part), Layout.BytesOf(part));
        }
    }

    internal void Release(PartLease lease)
    {
        lock (_gate)
        {
            _leases.Remove(lease.Part);
        }
    }

    /// <summary>Commits when everything is there and is what the client says; answers the same when it was committed already.</summary>
    internal async Task<Problem?> CommitAsync(ObjectDescriptor claimed, CancellationToken cancellationToken)
    {
        await _commitGate.WaitAsync(cancellationToken);
        try
        {
            lock (_gate)
            {
                if (Refuse(claimed) is { } problem)
                {
                    return problem;
                }

                if (Committed is not null)
                {
                    return null;
                }

                ObjectDisposedException.ThrowIf(_sealed, this);
                _sealed = true;
            }

            try
            {
                // The bytes, then the record, then the name: whatever a crash leaves can be continued or is complete.
                _journal.FlushToDisk();
                _file!.Complete();
            }
            catch
            {
                lock (_gate)
                {
                    _sealed = false;
                }

                throw;
            }

            Committed = claimed;
            return null;
        }
        finally
        {
            _commitGate.Release();
        }
    }

    private static IOException Foreign(string path, PartLayout layout) =>
        new($"{path} is there already, but not as an upload of {layout.Length} bytes that was committed.");

    private Problem? Refuse(ObjectDescriptor claimed)
    {
        if (claimed.Layout != Layout)
        {
            return Problem.BadDocument(
                $"The commit of upload {Id}",
                $"it is for {claimed.Length} bytes in parts of {claimed.Layout.PartBytes}, "
                + $"begun were {Layout.Length} in parts of {Layout.PartBytes}.");
        }

        int[][] missing = Problem.Runs(_journal.Missing);
        if (missing.Length > 0)
        {
            return new Problem(
                StatusCodes.Status409Conflict,
                ProblemTypes.PartsMissing,
                "Parts are missing",
                $"Upload {Id} cannot be committed: of {Layout.Count} parts these have not arrived: {Problem.Text(missing)}. "
                + "Send them and commit again.",
                ("missing", missing));
        }

        int[][] differ = Problem.Runs(Enumerable.Range(0, Layout.Count).Where(part => _journal[part] != claimed.Parts[part]));
        return differ.Length == 0 ? null : new Problem(
            StatusCodes.Status409Conflict,
            Committed is null ? ProblemTypes.PartsDiffer : ProblemTypes.UploadCommitted,
            Committed is null ? "Parts differ" : "The upload is committed",
            $"Upload {Id} has other bytes in these parts than the commit says: {Problem.Text(differ)}. "
            + (Committed is null ? "Send them again and commit again." : $"It was committed as {Committed.Digest}; begin a new upload."),
            ("differ", differ));
    }

    private ObjectDescriptor Describe()
    {
        ImmutableArray<PartChecksum> parts = [.. _journal.Parts.Select(part => part!.Value)];
        return new ObjectDescriptor(Id, Layout, parts);
    }
}
