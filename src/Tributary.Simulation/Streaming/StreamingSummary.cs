namespace Tributary.Simulation.Streaming;

/// <summary>What repeated measurements of a figure gave.</summary>
/// <param name="Median">The middle one; of an even number the mean of the middle two.</param>
/// <param name="Min">The least.</param>
/// <param name="Max">The largest.</param>
public sealed record Spread(double Median, double Min, double Max)
{
    /// <summary>Of at least one figure.</summary>
    public static Spread Of(IEnumerable<double> figures)
    {
        double[] sorted = [.. figures.Order()];
        return new Spread((sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2, sorted[0], sorted[^1]);
    }
}

/// <summary>All measurements of a precision and mode. Seconds as <see cref="StreamingRun"/> counts them.</summary>
/// <param name="Precision">The precision.</param>
/// <param name="Streaming">The mode.</param>
/// <param name="Message">The message.</param>
/// <param name="ServerPeakBytes">The server's peak resident set.</param>
/// <param name="SitePeakBytes">The largest site's.</param>
/// <param name="PeakBytes">The sum of all processes'.</param>
/// <param name="VerifiedSeconds">Until every site had the message, verified.</param>
/// <param name="ReadSeconds">Until every site had read the model.</param>
/// <param name="UploadedSeconds">Until every result was at the server; null where none comes back.</param>
/// <param name="MergeSeconds">The merge alone; null where nothing comes back.</param>
/// <param name="JobSeconds">The whole job.</param>
/// <param name="OfSocketFloor">The job's median relative to that of the socket floor, which moves the model's own bytes, once.</param>
public sealed record StreamingSummary(
    string Precision, string Streaming, MessageBytes Message, Spread ServerPeakBytes, Spread SitePeakBytes, Spread PeakBytes,
    Spread VerifiedSeconds, Spread ReadSeconds, Spread? UploadedSeconds, Spread? MergeSeconds, Spread JobSeconds, double OfSocketFloor)
{
    internal static StreamingSummary Of(IReadOnlyList<StreamingRun> runs, FloorSummary socket)
    {
        Spread job = Spread.Of(runs.Select(run => run.JobSeconds));
        return new StreamingSummary(
            runs[0].Precision,
            runs[0].Streaming,
            runs[0].Message,
            Spread.Of(runs.Select(run => (double)run.ServerPeakBytes)),
            Spread.Of(runs.Select(run => (double)run.SitePeakBytes)),
            Spread.Of(runs.Select(run => (double)run.PeakBytes)),
            Spread.Of(runs.Select(run => run.VerifiedSeconds)),
            Spread.Of(runs.Select(run => run.ReadSeconds)),
            OfAll(runs.Select(run => run.UploadedSeconds)),
            OfAll(runs.Select(run => run.MergeSeconds)),
            job,
            job.Median / socket.Seconds.Median);
    }

    private static Spread? OfAll(IEnumerable<double?> figures) => figures.All(figure => figure is not null) ? Spread.Of(figures.Select(figure => figure!.Value)) : null;
}

/// <summary>All measurements of a floor.</summary>
/// <param name="Floor">Which floor.</param>
/// <param name="BufferBytes">The buffer of reads and writes; null where the program chooses it.</param>
/// <param name="Seconds">Until the model's bytes were on the disk.</param>
public sealed record FloorSummary(string Floor, int? BufferBytes, Spread Seconds)
{
    internal static FloorSummary Of(IReadOnlyList<FloorRun> runs) => new(runs[0].Floor, runs[0].BufferBytes, Spread.Of(runs.Select(run => run.Seconds)));
}
