namespace Tributary.Transport;

/// <summary>
/// The right to write one part of an upload. Only one request has it at a time; a later request for the same part takes it over, because
/// the earlier one most likely belongs to a connection that is dead without the server knowing.
/// </summary>
internal sealed class PartLease(ObjectUpload upload, int part) : IDisposable
{
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // Never disposed: it has no timer, and whoever takes over may cancel it at any time.
    private readonly CancellationTokenSource _superseded = new();

    public int Part { get; } = part;

    public CancellationToken Superseded => _superseded.Token;

    /// <summary>Completes when the lease has been given back.</summary>
    public Task Released => _released.Task;

    /// <summary>Asks the holder to stop, and waits until it has.</summary>
    public async Task TakeOverAsync(CancellationToken cancellationToken)
    {
        await _superseded.CancelAsync();
        await Released.WaitAsync(cancellationToken);
    }

    /// <summary>Writes bytes of the part, straight into the file; they count for nothing until <see cref="Accept"/>.</summary>
    public void Write(int offset, ReadOnlySpan<byte> bytes) => upload.Write(Part, offset, bytes);

    /// <summary>Records the part as received.</summary>
    public void Accept(PartChecksum checksum) => upload.Accept(Part, checksum);

    public void Dispose()
    {
        upload.Release(this);
        _released.TrySetResult();
    }
}
