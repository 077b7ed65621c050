using Tributary.Tensors;
using Tributary.Tensors.Safetensors;
using Tributary.Transport;

namespace Tributary.Server.Jobs;

/// <summary>
/// A new global model, which can be read from the moment that its merge begins: a tile that is not written yet is waited for. So the message
/// that is made of it is encoded behind the merge, from what was just written, and the model is never read from the disk for it.
/// </summary>
internal sealed class GrowingModel : TensorSource
{
    private readonly object _gate = new();
    private readonly SafetensorsWriter _writer;
    private readonly SafetensorsHeader _header;
    private readonly StagedFile _file;
    private Exception? _failure;
    private SafetensorsFile? _saved;

    /// <summary>Plans the file, and takes its room on the disk.</summary>
    /// <param name="weights">The merge; read once it has begun.</param>
    /// <param name="path">The file's final name.</param>
    /// <exception cref="DiskFullException">There is no room for it.</exception>
    /// <exception cref="TensorFormatException">The file's header cannot be made.</exception>
    public GrowingModel(TensorSource weights, string path)
    {
        _writer = new SafetensorsWriter(weights);

        // The tensors in the order in which the finished file gives them: messages of it are the same after a restart.
        _header = SafetensorsHeader.Parse(_writer.Header.Bytes, _writer.Header.FileLength, path);
        Manifest = new TensorManifest(_header.Tensors.Select(spec => new TensorEntry(spec)));
        _file = StagedFile.Create(path, _writer.Header.FileLength);
    }

    /// <inheritdoc/>
    public override TensorManifest Manifest { get; }

    /// <inheritdoc/>
    public override bool IsStored => true;

    /// <summary>Ends when the model is durable and all is done that its merge was waited for with; its fault is the merge's.</summary>
    public Task Saved { get; private set; } = Task.CompletedTask;

    /// <summary>Begins to merge, on a thread of its own.</summary>
    /// <param name="saved">Done when the file is durable, under its name.</param>
    /// <param name="explain">Makes a fault what it is to be told as.</param>
    /// <param name="cancellationToken">Ends it; readers are told that they will get nothing more.</param>
    public void Begin(Action saved, Func<Exception, Exception> explain, CancellationToken cancellationToken)
    {
        Saved = Task.Factory.StartNew(Merge, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

        void Merge()
        {
            try
            {
                Write(cancellationToken);
                saved();
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                throw explain(e);
            }
        }
    }

    /// <summary>Waits, where it has to, until the bytes are written.</summary>
    /// <exception cref="IOException">They never will be, because the merge failed.</exception>
    public override void Read(Tile tile, int offset, Span<byte> destination)
    {
        if (Volatile.Read(ref _saved) is { } saved)
        {
            saved.Read(tile, offset, destination);
            return;
        }

        long first = _header.Offset(tile.Tensor) + Manifest[tile.Tensor].TileOffset(tile.Index) + offset;
        lock (_gate)
        {
            while (!_file.IsVisible(first, destination.Length))
            {
                if (_failure is not null)
                {
                    throw Unfinished(_failure);
                }

                Monitor.Wait(_gate);
            }
        }

        _file.Read(first, destination);
    }

    /// <summary>Completes when those bytes are written that the first <paramref name="length"/> bytes of a message have of this model.</summary>
    /// <param name="message">A message whose tensors are stored as they are here.</param>
    /// <param name="length">In bytes.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <exception cref="IOException">They never will be, because the merge failed.</exception>
    public ValueTask WaitForAsync(SafetensorsWriter message, long length, CancellationToken cancellationToken)
    {
        long end = 0;
        for (int stored = 0; stored < message.TensorEnds.Count && message.Header.Offset(stored) < length; stored++)
        {
            int place = Manifest.IndexOf(message.Header.Tensors[stored].Name);
            long within = Math.Min(length, message.TensorEnds[stored]) - message.Header.Offset(stored);
            end = place < 0 ? end : Math.Max(end, _header.Offset(place) + within);
        }

        return _file.WaitForAsync(end, cancellationToken);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        // A file that was not finished goes with it.
        _file.Dispose();
        _saved?.Dispose();
        base.Dispose(disposing);
    }

    // Sites may be told, whom neither the folder nor the others' updates concern; whoever runs the server reads the merge's own reason.
    private static IOException Unfinished(Exception reason) => new("the model that it is made of could not be merged", reason);

    private void Write(CancellationToken cancellationToken)
    {
        try
        {
            _writer.WriteTo(Add, cancellationToken);
            _file.Complete();
            Volatile.Write(ref _saved, SafetensorsFile.Open(_file.FilePath));
        }
        catch (Exception e)
        {
            _file.Fail(Unfinished(e));
            lock (_gate)
            {
                _failure = e;
                Monitor.PulseAll(_gate);
            }

            throw;
        }
    }

    private void Add(ReadOnlySpan<byte> bytes)
    {
        _file.Write(bytes);
        lock (_gate)
        {
            Monitor.PulseAll(_gate);
        }
    }
}
