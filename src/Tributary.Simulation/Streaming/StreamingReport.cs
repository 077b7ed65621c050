using Tributary.Simulation.Experiments.Processes;

namespace Tributary.Simulation.Streaming;

/// <summary>What is measured, where, and under which conditions.</summary>
public sealed record StreamingSetup
{
    /// <summary>The checkpoint.</summary>
    public required string Model { get; init; }

    /// <summary>Its tensors.</summary>
    public required int Tensors { get; init; }

    /// <summary>Its parameters.</summary>
    public required long Parameters { get; init; }

    /// <summary>The bytes of its weight files.</summary>
    public required long ModelBytes { get; init; }

    /// <summary>Whether models come back from the sites.</summary>
    public required bool RoundTrip { get; init; }

    /// <summary>The number of sites.</summary>
    public required int Sites { get; init; }

    /// <summary>How often everything is measured.</summary>
    public required int Runs { get; init; }

    /// <summary>The folder that is written to.</summary>
    public required string WorkFolder { get; init; }

    /// <summary>The kind of its file system.</summary>
    public required string FileSystem { get; init; }

    /// <summary>The most that a measurement writes there, in bytes.</summary>
    public required long DiskNeededBytes { get; init; }

    /// <summary>What was free there, in bytes.</summary>
    public required long DiskFreeBytes { get; init; }

    /// <summary>The machine's cores.</summary>
    public required int Cores { get; init; }

    /// <summary>The machine's memory that was available before anything was started, in bytes.</summary>
    public required long MemoryAvailableBytes { get; init; }

    /// <summary>The limit of the processes' memory with the page cache of their files, in bytes; null where there is none.</summary>
    public required long? MemoryLimitBytes { get; init; }

    /// <summary>
    /// Whether the model's files fit into that memory: they are read once before each measurement, so then they are in the page cache
    /// when it starts, and otherwise what is left of them there.
    /// </summary>
    public required bool ModelFitsMemory { get; init; }
}

/// <summary>The bytes of a message.</summary>
/// <param name="Total">All of them, as they were sent.</param>
/// <param name="Payload">The codes, or the elements of what is not encoded.</param>
/// <param name="Meta">The scales.</param>
/// <param name="Header">The header of the file.</param>
public sealed record MessageBytes(long Total, long Payload, long Meta, long Header);

/// <summary>A site's part in a measurement. Seconds count from the begin of the job.</summary>
/// <param name="Site">The site.</param>
/// <param name="PeakBytes">Its process's peak resident set.</param>
/// <param name="VerifiedSeconds">When the message was there and verified.</param>
/// <param name="ReadSeconds">When the model had been read completely at its original precision.</param>
/// <param name="ResultBytes">The length of the message that it sent back; 0 for none.</param>
/// <param name="ResultDigest">The digest of that message.</param>
public sealed record SiteFigures(string Site, long PeakBytes, double VerifiedSeconds, double ReadSeconds, long ResultBytes, string? ResultDigest);

/// <summary>One measurement of a job. Seconds count from its begin in the server's process; those of all sites are the last one's.</summary>
public sealed record StreamingRun
{
    /// <summary>Which run it belongs to, from 1.</summary>
    public required int Run { get; init; }

    /// <summary>The precision, both ways.</summary>
    public required string Precision { get; init; }

    /// <summary>The streaming mode.</summary>
    public required string Streaming { get; init; }

    /// <summary>The message to the sites.</summary>
    public required MessageBytes Message { get; init; }

    /// <summary>The peak resident set of the server's process.</summary>
    public required long ServerPeakBytes { get; init; }

    /// <summary>The sites.</summary>
    public required IReadOnlyList<SiteFigures> Sites { get; init; }

    /// <summary>The sum of all processes' peaks.</summary>
    public long PeakBytes => ServerPeakBytes + Sites.Sum(site => site.PeakBytes);

    /// <summary>The largest site's peak.</summary>
    public long SitePeakBytes => Sites.Max(site => site.PeakBytes);

    /// <summary>When the message could be fetched.</summary>
    public required double OfferedSeconds { get; init; }

    /// <summary>When every site had the message, verified.</summary>
    public double VerifiedSeconds => Sites.Max(site => site.VerifiedSeconds);

    /// <summary>When every site had read the model completely at its original precision.</summary>
    public double ReadSeconds => Sites.Max(site => site.ReadSeconds);

    /// <summary>When every site's result was durable at the server; null where none comes back.</summary>
    public required double? UploadedSeconds { get; init; }

    /// <summary>How long making and writing the mean took; null where nothing comes back.</summary>
    public required double? MergeSeconds { get; init; }

    /// <summary>When the job had ended.</summary>
    public required double JobSeconds { get; init; }

    /// <summary>What the memory group used; null where there is no limit.</summary>
    public required MemoryGroupUsage? Memory { get; init; }
}

/// <summary>One measurement of a floor: what moving the model's bytes takes with nothing else done.</summary>
/// <param name="Run">Which run it belongs to, from 1; 0 for trials of buffers.</param>
/// <param name="Floor">Which floor.</param>
/// <param name="Bytes">The bytes that were moved.</param>
/// <param name="BufferBytes">The buffer of reads and writes; null where the program chooses it.</param>
/// <param name="Seconds">Until the bytes were on the disk.</param>
/// <param name="PeakBytes">The sum of the processes' peak resident sets; null where it was not measured.</param>
/// <param name="Memory">What the memory group used; null where there is no limit.</param>
public sealed record FloorRun(int Run, string Floor, long Bytes, int? BufferBytes, double Seconds, long? PeakBytes, MemoryGroupUsage? Memory);

/// <summary>Everything that was measured.</summary>
/// <param name="Setup">The conditions.</param>
/// <param name="Jobs">A row for each precision and mode.</param>
/// <param name="Floors">A row for each floor.</param>
/// <param name="JobRuns">Every measurement of a job, as they were taken.</param>
/// <param name="FloorRuns">Every measurement of a floor.</param>
/// <param name="BufferTrials">The measurements by which the socket floor's buffer was chosen: the fastest.</param>
public sealed record StreamingReport(
    StreamingSetup Setup, IReadOnlyList<StreamingSummary> Jobs, IReadOnlyList<FloorSummary> Floors,
    IReadOnlyList<StreamingRun> JobRuns, IReadOnlyList<FloorRun> FloorRuns, IReadOnlyList<FloorRun> BufferTrials);
