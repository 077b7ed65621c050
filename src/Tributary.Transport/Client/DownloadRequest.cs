namespace Tributary.Transport;

/// <summary>What a download may want besides its address and its target.</summary>
public sealed record DownloadRequest
{
    /// <summary>The digest that the object must have; null for whatever the server has.</summary>
    public string? Digest { get; init; }

    /// <summary>
    /// Gives the units that are held in memory until they are complete, see <see cref="StagedFile"/>; null for <i>file</i> streaming.
    /// </summary>
    public Func<ObjectDescriptor, CancellationToken, ValueTask<IReadOnlyList<long>>>? UnitEnds { get; init; }

    /// <summary>Told about every part and every MiB; may be called from several threads.</summary>
    public IProgress<TransferProgress>? Progress { get; init; }
}
