namespace Tributary.Transport;

/// <summary>What a download may want besides its address and its target.</summary>
public sealed record DownloadRequest
{
    /// <summary>The digest that the object must have; null for whatever the server has.</summary>
    public string? Digest { get; init; }

    /// <summary>
    /// Where the units end that are held in memory until they are complete, in bytes, see <see cref="StagedFile"/>; null or empty for
    /// <i>file</i> streaming.
    /// </summary>
    public IReadOnlyList<long>? UnitEnds { get; init; }

    /// <summary>Told about every part and every MiB; may be called from several threads.</summary>
    public IProgress<TransferProgress>? Progress { get; init; }
}
