using System.Collections.Immutable;
using System.Security.Cryptography;

namespace Tributary.Transport;

/// <summary>
/// An object that is offered for download: a file or whatever else is a source of bytes, where it lies, also while it is still being
/// made. Each part is read for its checksum once, on its way out if it can be; the object has a digest once all of them are.
/// </summary>
public sealed class ServedObject : IDisposable
{
    private readonly PartChecksums _checksums;
    private readonly ObjectDescriptor? _recorded;
    private readonly string? _expected;
    private readonly Func<ObjectDescriptor, Task>? _committing;
    private readonly Lazy<Task<ObjectDescriptor>> _commit;
    private readonly TaskCompletionSource<Exception> _broken = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ObjectDescriptor? _descriptor;

    /// <summary>Offers bytes.</summary>
    /// <param name="id">The object's id.</param>
    /// <param name="bytes">The bytes; disposed with this.</param>
    /// <param name="partBytes">How they are cut.</param>
    /// <param name="digest">The digest that they are known to have, from a record; null where there is none.</param>
    /// <param name="committing">
    /// Done once, when every byte is there and the digest is known, and before anybody is told the digest: the place to write what makes the
    /// object count.
    /// </param>
    public ServedObject(
        string id, ByteSource bytes, int partBytes = PartLayout.PartBytesDefault, string? digest = null, Func<ObjectDescriptor, Task>? committing = null)
        : this(id, bytes, new PartLayout(bytes.Length, partBytes), digest, committing)
    {
    }

    private ServedObject(string id, ByteSource bytes, PartLayout layout, string? digest, Func<ObjectDescriptor, Task>? committing)
    {
        ArgumentException.ThrowIfNullOrEmpty(id);
        Id = id;
        Bytes = bytes;
        Layout = layout;
        _expected = digest;
        _committing = committing;
        _checksums = new PartChecksums(layout, bytes);
        _commit = new Lazy<Task<ObjectDescriptor>>(ReadAllAsync);

        // What has no digest yet is told apart from what another process may offer under the same address.
        Tag = digest ?? $"making:{RandomNumberGenerator.GetHexString(16, lowercase: true)}";
    }

    private ServedObject(ByteSource bytes, ObjectDescriptor recorded)
        : this(recorded.Id, bytes, recorded.Layout, recorded.Digest, committing: null)
    {
        _recorded = recorded;
    }

    /// <summary>The object's id.</summary>
    public string Id { get; }

    /// <summary>The length and how it is cut.</summary>
    public PartLayout Layout { get; }

    /// <summary>The strong entity tag, without its quotation marks: the same for as long as this is offered.</summary>
    public string Tag { get; }

    /// <summary>What there is to know of the object, once it is committed; null before.</summary>
    public ObjectDescriptor? Descriptor => Volatile.Read(ref _descriptor);

    /// <summary>Completes, with the reason, when the object turns out to be one that cannot be had, and before any client is told.</summary>
    public Task<Exception> Broken => _broken.Task;

    internal ByteSource Bytes { get; }

    /// <summary>Why the object cannot be had, where that has turned out.</summary>
    internal string? Fault => _broken.Task.IsCompleted ? _broken.Task.Result.Message : null;

    /// <summary>Offers a finished file where it lies.</summary>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    public static ServedObject FromFile(string id, string path, int partBytes = PartLayout.PartBytesDefault) =>
        new(id, ByteSource.FromFile(path), partBytes);

    /// <summary>Offers a file of which the parts' checksums were recorded earlier; what differs from them is not sent.</summary>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    /// <exception cref="SourceChangedException">The file has another length than the record.</exception>
    public static ServedObject FromFile(string path, ObjectDescriptor recorded)
    {
        ArgumentNullException.ThrowIfNull(recorded);
        var bytes = ByteSource.FromFile(path);
        if (bytes.Length != recorded.Length)
        {
            bytes.Dispose();
            throw new SourceChangedException($"{Path.GetFileName(path)} has {bytes.Length} bytes, but object {recorded.Id} was recorded with {recorded.Length}.");
        }

        return new ServedObject(bytes, recorded);
    }

    /// <summary>Waits until every byte is there, reads the parts that nobody has asked for yet, and commits; done once.</summary>
    /// <exception cref="IOException">The bytes cannot be read, or differ from what was recorded.</exception>
    public Task<ObjectDescriptor> CommitAsync() => _commit.Value;

    /// <inheritdoc/>
    public void Dispose() => Bytes.Dispose();

    /// <summary>A part's checksum, where somebody has read all of it.</summary>
    internal PartChecksum? FindChecksum(int part) => _checksums.Find(part);

    /// <summary>Completes when a part's bytes are there.</summary>
    /// <exception cref="IOException">They will never be there.</exception>
    internal async ValueTask WaitForAsync(int part, CancellationToken cancellationToken)
    {
        try
        {
            await _checksums.WaitForAsync(part, cancellationToken);
        }
        catch (IOException e)
        {
            Break(e);
            throw;
        }
    }

    /// <summary>Notes the checksum of a part that was read, unless it differs from what was recorded.</summary>
    /// <exception cref="SourceChangedException">It does.</exception>
    internal void Learn(int part, PartChecksum checksum)
    {
        if (_recorded is not null && _recorded.Parts[part] != checksum)
        {
            throw new SourceChangedException(
                $"part {part} (bytes from {Layout.OffsetOf(part)}) has the CRC-64 {checksum}, recorded was {_recorded.Parts[part]}.");
        }

        _checksums.Learn(part, checksum);
    }

    /// <summary>Notes that the bytes are not what they were: from now on nobody gets any.</summary>
    internal void Break(Exception reason) => _broken.TrySetResult(reason);

    internal ObjectStateJson State() => Descriptor is { } descriptor
        ? new ObjectStateJson(Id, Layout.Length, Layout.PartBytes, Tag, descriptor.Digest, [.. descriptor.Parts.Select(part => (PartChecksum?)part)])
        : new ObjectStateJson(Id, Layout.Length, Layout.PartBytes, Tag, _expected, _checksums.Known);

    private async Task<ObjectDescriptor> ReadAllAsync()
    {
        var checksums = new PartChecksum[Layout.Count];
        await Parallel.ForAsync(0, checksums.Length, async (part, token) => checksums[part] = await ChecksumAsync(part, token));
        var descriptor = new ObjectDescriptor(Id, Layout, ImmutableArray.Create(checksums));
        if (_expected is not null && _expected != descriptor.Digest)
        {
            var changed = new SourceChangedException($"object {Id} changed since it was recorded: it is {descriptor.Digest} now, recorded was {_expected}.");
            Break(changed);
            throw changed;
        }

        await CommitAsync(descriptor);
        Volatile.Write(ref _descriptor, descriptor);
        return descriptor;
    }

    private async ValueTask<PartChecksum> ChecksumAsync(int part, CancellationToken cancellationToken)
    {
        try
        {
            PartChecksum checksum = await _checksums.GetAsync(part, cancellationToken);
            Learn(part, checksum);
            return checksum;
        }
        catch (IOException e)
        {
            Break(e);
            throw;
        }
    }

    private async Task CommitAsync(ObjectDescriptor descriptor)
    {
        try
        {
            await (_committing?.Invoke(descriptor) ?? Task.CompletedTask);
        }
        catch (Exception e)
        {
            // Whoever waits for the digest is told that there will be none.
            Break(e);
            throw;
        }
    }
}
