namespace Tributary.Transport;

/// <summary>What a download may want besides its address and its target.</summary>
public sealed record DownloadRequest
{
    /// <summary>The digest that the object must have; null for whatever the server has.</summary>
    public string? Digest { get; init; }

    /// <summary>The longest object that is taken, in bytes; a longer one is refused before any of it is fetched or a file is made.</summary>
    public long LengthMax { get; init; } = long.MaxValue;

    /// <summary>
    /// Where the units end that are held in memory until they are complete, in bytes, see <see cref="StagedFile"/>; null or empty for
    /// <i>file</i> streaming.
    /// </summary>
    public IReadOnlyList<long>? UnitEnds { get; init; }

    /// <summary>Told about every part and every MiB; may be called from several threads.</summary>
    public IProgress<TransferProgress>? Progress { get; init; }
}
