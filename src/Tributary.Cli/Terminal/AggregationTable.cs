using System.Globalization;
using Spectre.Console;
using Tributary.Simulation.Aggregation;

namespace Tributary.Cli.Terminal;

/// <summary>What an aggregation experiment came to. Memory in MB of 10^6 bytes, speeds in GB of 10^9, messages in MiB.</summary>
internal static class AggregationTable
{
    private const double MB = 1e6;
    private const double GB = 1e9;
    private const double MiB = 1 << 20;

    /// <summary>The conditions, on stderr before the work.</summary>
    public static void PrintSetup(AggregationSetup setup)
    {
        TextWriter writer = Console.Error;
        writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{setup.Model}: {setup.Tensors} tensors, {setup.Parameters:N0} parameters, {Output.Bytes(setup.ModelBytes)}"));
        string use = setup.Use == "writeout" ? "sites write out what they receive" : "sites read what they receive as they send";
        writer.WriteLine($"{setup.Sites} site{(setup.Sites == 1 ? string.Empty : "s")}, {setup.Rounds} round{(setup.Rounds == 1 ? string.Empty : "s")}, {setup.Exchange} in {setup.Precision}, {use}");
        writer.WriteLine($"{setup.Cores} cores, {Output.Bytes(setup.MemoryAvailableBytes)} of memory available; {setup.WorkFolder} ({setup.FileSystem}): {Output.Bytes(setup.DiskNeededBytes)} needed, {Output.Bytes(setup.DiskFreeBytes)} free");
    }

    public static void Print(AggregationReport report)
    {
        Table rounds = Columns("round", "message\nMiB", "encode\ns", "download\ns", "return\ns", "merge\ns", "round\ns", "merge\nof floor", "round\nof floor");
        foreach (RoundFigures round in report.Rounds)
        {
            rounds.AddRow(
                $"{round.Round}", Figure(round.MessageBytes / MiB, 2), Figure(round.EncodeSeconds, 2), Figure(round["download"].Seconds, 2), Figure(round["return"].Seconds, 2),
                Figure(round["merge"].Seconds, 2), Figure(round["round"].Seconds, 2), Figure(round["merge"].OfFloor, 2), Figure(round["round"].OfFloor, 2));
        }

        Consoles.Out.Write(rounds);
        Table floors = Columns("phase of the last round", "read\nMB", "of it from\nthe disk MB", "sent\nMB", "written\nMB", "floor\ns", "took\ns");
        foreach (PhaseFigures phase in report.Rounds[^1].Phases)
        {
            floors.AddRow(
                phase.Phase, Figure(phase.Bytes.Read / MB, 0), Figure(phase.Bytes.DiskRead / MB, 0), Figure(phase.Bytes.Sent / MB, 0), Figure(phase.Bytes.Written / MB, 0),
                Figure(phase.FloorSeconds, 2), Figure(phase.Seconds, 2));
        }

        Consoles.Out.Write(floors);
        MachineSpeeds speeds = report.Speeds;
        Consoles.Out.WriteLine($"peak memory: server {Figure(report.ServerPeakBytes / MB, 0)} MB, largest site {Figure(report.SitePeakBytes / MB, 0)} MB, all processes {Figure(report.Peaks.Sum(peak => peak.PeakBytes) / MB, 0)} MB");
        Consoles.Out.WriteLine(
            $"speeds: page cache {Figure(speeds.CachedRead / GB, 1)} GB/s, disk {Figure(speeds.DiskRead / GB, 1)} GB/s, socket {Figure(speeds.Socket / GB, 1)} GB/s, write and fsync {Figure(speeds.Write / GB, 1)} GB/s");
        Console.Out.WriteLine(
            """

            download: from the round's begin until the last site has the message, verified; encode goes on within it. return: until the last
            result is durable at the server. merge: until the next global model is. The floor is each phase's bytes over the speeds. From the
            second round on, encode and download begin beside the merge before: encode waits for it, and download is what is left after it.
            """);
    }

    private static Table Columns(params string[] names)
    {
        Table table = new Table().Border(TableBorder.Simple);
        table.AddColumns([.. names.Select((name, i) => i == 0 ? new TableColumn(name).NoWrap() : new TableColumn(name).RightAligned().NoWrap())]);
        return table;
    }

    private static string Figure(double value, int digits) => value.ToString($"F{digits}", CultureInfo.InvariantCulture);
}
