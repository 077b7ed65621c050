using StreamingMode = Tributary.Federation.Jobs.Streaming;

namespace Tributary.Simulation.Streaming;

/// <summary>What a <see cref="StreamingBenchmark"/> measures.</summary>
public sealed record StreamingOptions
{
    /// <summary>The checkpoint that is sent: a folder or file.</summary>
    public required string Model { get; init; }

    /// <summary>The streaming modes, each with each precision.</summary>
    public IReadOnlyList<StreamingMode> Streaming { get; init; } = Enum.GetValues<StreamingMode>();

    /// <summary>The names of the precisions.</summary>
    public required IReadOnlyList<string> Precisions { get; init; }

    /// <summary>Whether the sites send a model back and the server makes the mean of what comes, or the model is only sent to them.</summary>
    public bool RoundTrip { get; init; }

    /// <summary>The number of sites, at least 1.</summary>
    public int Sites { get; init; } = 1;

    /// <summary>How often everything is measured, at least once.</summary>
    public int Runs { get; init; } = 3;

    /// <summary>The folder below which everything is written, and removed again.</summary>
    public required string WorkFolder { get; init; }

    /// <summary>The memory in bytes that all processes of a measurement share with the page cache of their files; null for the machine's.</summary>
    public long? MemoryLimitBytes { get; init; }
}
