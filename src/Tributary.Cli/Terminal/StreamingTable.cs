using System.Globalization;
using Spectre.Console;
using Tributary.Simulation.Streaming;
using Tributary.Simulation.Experiments.Processes;

namespace Tributary.Cli.Terminal;

/// <summary>What a streaming experiment came to. Memory in MB of 10^6 bytes as the paper has it, messages in MiB as the paper has them.</summary>
internal static class StreamingTable
{
    private const double MB = 1e6;
    private const double MiB = 1 << 20;

    /// <summary>The conditions, on stderr before the work.</summary>
    public static void PrintSetup(StreamingSetup setup)
    {
        TextWriter writer = Console.Error;
        string memory = setup.MemoryLimitBytes is { } limit
            ? $"a limit of {Output.Bytes(limit)} for all processes with their page cache"
            : $"{Output.Bytes(setup.MemoryAvailableBytes)} of memory available";
        string cached = setup.ModelFitsMemory
            ? "the model fits into it, so it is in the page cache when each measurement starts"
            : "the model does not fit into it, so only a part of it is in the page cache when a measurement starts";
        writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{setup.Model}: {setup.Tensors} tensors, {setup.Parameters:N0} parameters, {Output.Bytes(setup.ModelBytes)}"));
        writer.WriteLine($"{setup.Sites} site{(setup.Sites == 1 ? string.Empty : "s")}, {(setup.RoundTrip ? "there and back" : "one way")}; {setup.Cores} cores, {memory};");
        writer.WriteLine($"before each measurement outputs are removed, the disk is flushed and the model's files are read once: {cached}");
        if (setup.MemoryLimitBytes is null)
        {
            writer.WriteLine("then, right before the clock starts, memory for a copy of the model is touched, since a virtual machine's that was given back to its host is slow the first time");
        }

        writer.WriteLine($"{setup.WorkFolder} ({setup.FileSystem}): {Output.Bytes(setup.DiskNeededBytes)} needed, {Output.Bytes(setup.DiskFreeBytes)} free");
    }

    public static void Print(StreamingReport report)
    {
        bool roundTrip = report.Setup.RoundTrip;
        string[] names =
        [
            "precision", "streaming", "message\nMiB", "server\nMB", "site\nMB", "sum\nMB", "verified\ns", "read\ns",
            .. roundTrip ? new[] { "returned\ns", "merge\ns" } : [], "job\ns", "of\nsocket",
        ];
        Table table = new Table().Border(TableBorder.Simple);
        table.AddColumns([.. names.Select((name, i) => i < 2 ? new TableColumn(name).NoWrap() : new TableColumn(name).RightAligned().NoWrap())]);
        foreach (StreamingSummary row in report.Jobs)
        {
            table.AddRow(
            [
                row.Precision, row.Streaming, Figure(row.Message.Total / MiB, 2), Cell(row.ServerPeakBytes, MB, 0), Cell(row.SitePeakBytes, MB, 0), Cell(row.PeakBytes, MB, 0),
                Cell(row.VerifiedSeconds, 1, 2), Cell(row.ReadSeconds, 1, 2),
                .. roundTrip ? new[] { Cell(row.UploadedSeconds!, 1, 2), Cell(row.MergeSeconds!, 1, 2) } : [],
                Cell(row.JobSeconds, 1, 2), Figure(row.OfSocketFloor, 2),
            ]);
        }

        Consoles.Out.Write(table);
        foreach (FloorSummary floor in report.Floors)
        {
            string buffer = floor.BufferBytes is { } bytes ? $", buffers of {Output.Bytes(bytes)}" : string.Empty;
            Consoles.Out.WriteLine($"floor: {floor.Floor} of the model's {Output.Bytes(report.Setup.ModelBytes)}{buffer}: {Cell(floor.Seconds, 1, 2, ", ")} s");
        }

        string runs = report.Setup.Runs == 1 ? "One run" : $"Medians (and least-largest) of {report.Setup.Runs} runs";
        Console.Out.WriteLine(
            $"""

            {runs}. Memory: peak resident sets of server, largest site, and all processes together.
            Seconds from the begin of the job until every site had the message verified, had read all of the model at its original
            precision{(roundTrip ? ", and its result was at the server; the merge alone;" : ",")} and until the job had ended.
            Of socket: the job's time to the bare socket's, which moves the model once.
            """);
        PrintGroups(report);
    }

    private static void PrintGroups(StreamingReport report)
    {
        foreach (IGrouping<(string, string), StreamingRun> rows in report.JobRuns.Where(run => run.Memory is not null).GroupBy(run => (run.Precision, run.Streaming)))
        {
            MemoryGroupUsage[] usages = [.. rows.Select(run => run.Memory!)];
            Console.Out.WriteLine($"{rows.Key.Item1}, {rows.Key.Item2}: {Group(usages)}");
        }

        foreach (IGrouping<string, FloorRun> rows in report.FloorRuns.Where(run => run.Memory is not null).GroupBy(run => run.Floor))
        {
            Console.Out.WriteLine($"{rows.Key}: {Group([.. rows.Select(run => run.Memory!)])}");
        }
    }

    private static string Group(MemoryGroupUsage[] usages)
    {
        long hits = usages.Max(usage => usage.Hits);
        string hit = hits == 0 ? "never full" : $"full up to {hits} times a run, and page cache was given up";
        return $"memory group of {Output.Bytes(usages[0].LimitBytes)}: peak {Output.Bytes(usages.Max(usage => usage.PeakBytes))}, {hit}";
    }

    /// <summary>The median, and where they differ the least and the largest: below it in a table, behind it in a line.</summary>
    private static string Cell(Spread spread, double unit, int digits, string separator = "\n")
    {
        string median = Figure(spread.Median / unit, digits);
        string least = Figure(spread.Min / unit, digits);
        string largest = Figure(spread.Max / unit, digits);
        return least == largest ? median : $"{median}{separator}{least}-{largest}";
    }

    private static string Figure(double value, int digits) => value.ToString($"F{digits}", CultureInfo.InvariantCulture);
}
