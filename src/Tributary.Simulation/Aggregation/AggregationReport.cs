namespace Tributary.Simulation.Aggregation;

/// <summary>What is measured, where, and under which conditions.</summary>
public sealed record AggregationSetup
{
    /// <summary>The checkpoint.</summary>
    public required string Model { get; init; }

    /// <summary>Its tensors.</summary>
    public required int Tensors { get; init; }

    /// <summary>Its parameters.</summary>
    public required long Parameters { get; init; }

    /// <summary>The bytes of its weight files.</summary>
    public required long ModelBytes { get; init; }

    /// <summary>The number of sites.</summary>
    public required int Sites { get; init; }

    /// <summary>The precision, both ways.</summary>
    public required string Precision { get; init; }

    /// <summary><c>weights</c> or <c>delta</c>.</summary>
    public required string Exchange { get; init; }

    /// <summary>What a site does with the model before it returns one: <c>read</c>, <c>lazy</c> or <c>writeout</c>.</summary>
    public required string Use { get; init; }

    /// <summary>How long each site sleeps in a round.</summary>
    public required double SleepSeconds { get; init; }

    /// <summary>How many times as long the first site sleeps.</summary>
    public required double SlowFactor { get; init; }

    /// <summary>The number of rounds.</summary>
    public required int Rounds { get; init; }

    /// <summary>The folder that is written to.</summary>
    public required string WorkFolder { get; init; }

    /// <summary>The kind of its file system.</summary>
    public required string FileSystem { get; init; }

    /// <summary>The most that is written there at once, in bytes.</summary>
    public required long DiskNeededBytes { get; init; }

    /// <summary>What was free there, in bytes.</summary>
    public required long DiskFreeBytes { get; init; }

    /// <summary>The machine's cores.</summary>
    public required int Cores { get; init; }

    /// <summary>The machine's memory that was available before anything was started, in bytes.</summary>
    public required long MemoryAvailableBytes { get; init; }
}

/// <summary>The bytes that something has to move.</summary>
/// <param name="Read">Read from files, in memory or not.</param>
/// <param name="DiskRead">Those of them that were not in the page cache and came from the disk, as the system counted.</param>
/// <param name="Sent">Sent through sockets.</param>
/// <param name="Written">Written to files, and to the disk.</param>
public sealed record MovedBytes(long Read, long DiskRead, long Sent, long Written);

/// <summary>How fast this machine moves bytes when it does nothing else, in bytes a second, measured in the same run.</summary>
/// <param name="CachedRead">Reading files in the page cache, on all cores.</param>
/// <param name="DiskRead">Reading files that are not, on all cores.</param>
/// <param name="Socket">From one process's memory to another's through a bare socket.</param>
/// <param name="Write">Writing a file, until it is on the disk.</param>
public sealed record MachineSpeeds(double CachedRead, double DiskRead, double Socket, double Write)
{
    /// <summary>The seconds that moving bytes takes at these speeds, one after the other.</summary>
    public double Seconds(MovedBytes bytes) =>
        ((bytes.Read - bytes.DiskRead) / CachedRead) + (bytes.DiskRead / DiskRead) + (bytes.Sent / Socket) + (bytes.Written / Write);
}

/// <summary>A phase of a round, beside the floor: what its bytes take at the machine's speeds.</summary>
/// <param name="Phase">Which.</param>
/// <param name="Seconds">How long it took.</param>
/// <param name="Bytes">What it had to move.</param>
/// <param name="FloorSeconds">What that takes at the least.</param>
public sealed record PhaseFigures(string Phase, double Seconds, MovedBytes Bytes, double FloorSeconds)
{
    /// <summary>The floor's share of the time: 1 where nothing but bytes was moved.</summary>
    public double OfFloor => FloorSeconds / Seconds;
}

/// <summary>A round.</summary>
/// <param name="Round">Which, from 1.</param>
/// <param name="MessageBytes">The length of the message to each site.</param>
/// <param name="ResultBytes">The length of each site's.</param>
/// <param name="EncodeSeconds">
/// How long the server wrote the message, while its first parts went out, with what it waited for the merge of the round before; 0 where it was sent from
/// where it lay.
/// </param>
/// <param name="UseSeconds">The longest that a site took for what it does with a model before it returns one.</param>
/// <param name="Phases">
/// Its parts, one after the other: <c>download</c> from its begin until the last site has the message, verified; <c>return</c> until the last
/// result is durable at the server; <c>merge</c> until the next global model is. <c>round</c> is all of it. A round begins when the model that it sends
/// is durable; beside the merge of that model its message was written and fetched already, so that <c>download</c> is what was left of it.
/// </param>
public sealed record RoundFigures(int Round, long MessageBytes, long ResultBytes, double EncodeSeconds, double UseSeconds, IReadOnlyList<PhaseFigures> Phases)
{
    /// <summary>A phase by its name.</summary>
    public PhaseFigures this[string phase] => Phases.Single(figures => figures.Phase == phase);
}

/// <summary>A process and the peak of its resident set (VmHWM) over all rounds.</summary>
/// <param name="Process">server, or a site's name.</param>
/// <param name="PeakBytes">In bytes.</param>
public sealed record ProcessPeak(string Process, long PeakBytes);

/// <summary>Everything that was measured.</summary>
/// <param name="Setup">The conditions.</param>
/// <param name="Rounds">The rounds.</param>
/// <param name="Peaks">The server's and the sites' peaks.</param>
/// <param name="Speeds">The machine's speeds.</param>
/// <param name="JobSeconds">From the begin of the first round until the last model was durable.</param>
public sealed record AggregationReport(
    AggregationSetup Setup, IReadOnlyList<RoundFigures> Rounds, IReadOnlyList<ProcessPeak> Peaks, MachineSpeeds Speeds, double JobSeconds)
{
    /// <summary>The server's peak resident set.</summary>
    public long ServerPeakBytes => Peaks[0].PeakBytes;

    /// <summary>The largest site's.</summary>
    public long SitePeakBytes => Peaks.Skip(1).Max(peak => peak.PeakBytes);
}
