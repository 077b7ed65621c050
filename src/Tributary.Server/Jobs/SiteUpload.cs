using Tributary.Transport;

namespace Tributary.Server.Jobs;

/// <summary>
/// What one site uploads in a step: one file, whatever the attempt. The newest attempt that began has it, with the parts that earlier ones
/// brought: a site that trained again after a restart sends only what came out otherwise. An earlier attempt that is still somewhere finds
/// nothing here any more, and can neither write nor commit.
/// </summary>
internal sealed class SiteUpload(string path) : IDisposable
{
    private readonly SemaphoreSlim _gate = new(1);
    private readonly string _id = Path.GetFileNameWithoutExtension(path);
    private volatile Begun? _begun;
    private bool _isClosed;

    /// <summary>The upload of that attempt; null where it has not begun, or a later one has.</summary>
    public ObjectUpload? Find(int attempt) => _begun is { } begun && begun.Attempt == attempt ? begun.Upload : null;

    /// <summary>
    /// Begins an attempt's upload, finds it again, or takes over an earlier attempt's; null where nothing can begin any more or a later attempt
    /// has begun.
    /// </summary>
    /// <param name="attempt">The attempt.</param>
    /// <param name="layout">The length and how it is cut.</param>
    /// <param name="isWanted">Whether a result is still needed; asked when no other begins or counts.</param>
    /// <param name="cancellationToken">Stops hashing what is there.</param>
    public async Task<ObjectUpload?> BeginAsync(int attempt, PartLayout layout, Func<bool> isWanted, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            if (_isClosed || attempt < _begun?.Attempt)
            {
                return null;
            }

            if (Find(attempt) is { } begun && begun.Layout == layout)
            {
                return begun;
            }

            if (!isWanted())
            {
                return null;
            }

            // Requests that still hold the earlier one fail from here on.
            _begun?.Upload.Dispose();
            _begun = null;
            ObjectUpload upload = await ObjectUpload.ReopenAsync(_id, path, layout, cancellationToken);
            _begun = new Begun(attempt, upload);
            return upload;
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>
    /// Does what makes a result count, while no other attempt can take its message over; null where it cannot count any more. It is given the
    /// digest of what was committed, also before a restart, or null.
    /// </summary>
    public async Task<T?> CountAsync<T>(int attempt, Func<string?, T> count, CancellationToken cancellationToken)
        where T : class
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            if (_isClosed || attempt < _begun?.Attempt)
            {
                return null;
            }

            if (_begun is null && await ObjectUpload.FindCommittedAsync(_id, path, cancellationToken) is { } found)
            {
                _begun = new Begun(attempt, found);
            }

            return count(_begun?.Upload.Committed?.Digest);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Closes the upload; what arrived stays. One that is being begun now is waited for, and none is begun later.</summary>
    public void Dispose()
    {
        _gate.Wait();
        _isClosed = true;
        _begun?.Upload.Dispose();
        _gate.Release();
    }

    private sealed record Begun(int Attempt, ObjectUpload Upload);
}
