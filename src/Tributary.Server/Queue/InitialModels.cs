using System.Collections.Concurrent;
using Tributary.Transport;

namespace Tributary.Server.Queue;

/// <summary>
/// The models that submitted jobs start from, each a file under its digest: jobs that start from the same one share it. What arrives is
/// found again after a restart and gone on with.
/// </summary>
internal sealed class InitialModels : IDisposable
{
    private readonly string _folder;
    private readonly SemaphoreSlim _gate = new(1);
    private readonly ConcurrentDictionary<string, ObjectUpload> _uploads = new(StringComparer.Ordinal);

    public InitialModels(string serverFolder)
    {
        _folder = Path.Combine(serverFolder, "initial");
        Directory.CreateDirectory(_folder);
    }

    /// <summary>Where a model lies once it is there.</summary>
    public string FileOf(string digest) => Path.Combine(_folder, digest[ObjectDigest.Prefix.Length..] + ".safetensors");

    public bool Has(string digest) => File.Exists(FileOf(digest)) && (!_uploads.TryGetValue(digest, out ObjectUpload? upload) || upload.Committed is not null);

    public ObjectUpload? Find(string digest) => _uploads.GetValueOrDefault(digest);

    /// <summary>Begins an upload, or goes on with one that was begun before.</summary>
    /// <exception cref="DiskFullException">There is no room for it.</exception>
    public async Task<ObjectUpload> BeginAsync(string digest, PartLayout layout, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            if (_uploads.TryGetValue(digest, out ObjectUpload? begun) && begun.Layout == layout)
            {
                return begun;
            }

            begun?.Dispose();
            _uploads.TryRemove(digest, out _);
            return _uploads[digest] = await ObjectUpload.OpenAsync(digest, FileOf(digest), layout, cancellationToken);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Forgets what was uploaded under a digest that it does not have.</summary>
    public void Drop(string digest)
    {
        if (_uploads.TryRemove(digest, out ObjectUpload? upload))
        {
            upload.Dispose();
        }

        foreach (string path in Directory.GetFiles(_folder, Path.GetFileName(FileOf(digest)) + "*"))
        {
            File.Delete(path);
        }
    }

    /// <summary>Removes models that no job starts from, with what has arrived of others.</summary>
    public void Keep(IReadOnlySet<string> digests)
    {
        foreach ((string digest, ObjectUpload upload) in _uploads.Where(pair => !digests.Contains(pair.Key)))
        {
            upload.Dispose();
            _uploads.TryRemove(digest, out _);
        }

        HashSet<string> kept = [.. digests.Select(digest => Path.GetFileNameWithoutExtension(FileOf(digest)))];
        foreach (string path in Directory.GetFiles(_folder).Where(path => !kept.Contains(Path.GetFileName(path).Split('.')[0])))
        {
            File.Delete(path);
        }
    }

    public void Dispose()
    {
        foreach (ObjectUpload upload in _uploads.Values)
        {
            upload.Dispose();
        }

        _gate.Dispose();
    }
}
