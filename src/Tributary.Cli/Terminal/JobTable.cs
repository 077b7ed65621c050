using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Spectre.Console;
using Spectre.Console.Rendering;
using Tributary.Federation.Tasks;
using Tributary.Federation.Wire;

namespace Tributary.Cli.Terminal;

/// <summary>Jobs at a server as tables.</summary>
internal static class JobTable
{
    public static JsonSerializerOptions Json { get; } = new(Output.Json) { Converters = { new JsonStringEnumConverter() } };

    public static void Print(IReadOnlyList<JobLineDocument> jobs)
    {
        if (jobs.Count == 0)
        {
            Console.Out.WriteLine("no jobs; submit one with 'tributary job submit job.yaml'");
            return;
        }

        Table table = new Table().Border(TableBorder.Simple)
            .AddColumn("job").AddColumn("state").AddColumn(new TableColumn("round").RightAligned()).AddColumn(new TableColumn("loss").RightAligned())
            .AddColumn(new TableColumn("sites").RightAligned()).AddColumn("workflow").AddColumn("submitted (UTC)").AddColumn("by");
        foreach (JobLineDocument job in jobs)
        {
            table.AddRow(
                new Text(job.Name), Colored(job.State), new Text($"{job.Round} of {job.Rounds}"), new Text(Loss(job.Loss)), new Text($"{job.Sites}"), new Text(job.Workflow),
                new Text(Time(job.Submitted)), new Text(job.Submitter));
        }

        Consoles.Out.Write(table);
        foreach (JobLineDocument job in jobs.Where(job => job.Reason is not null))
        {
            Console.Out.WriteLine($"{job.Name}: {job.Reason}");
        }
    }

    public static void Print(JobDocument job, bool json)
    {
        if (json)
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(job, Json));
            return;
        }

        Consoles.Out.Write(Header(job));
        Consoles.Out.Write(Models(job));
        Consoles.Out.Write(Sites(job));
        foreach (JobSiteDocument site in job.Sites.Where(site => site.Note is not null))
        {
            Console.Out.WriteLine($"{site.Site}: {site.Note}");
        }

        if (job.Line.State == JobState.AwaitingModel || job.Line.Reason is not null)
        {
            Console.Out.WriteLine(job.Line.Reason);
        }
    }

    /// <summary>What a job is and how far it has come.</summary>
    public static Rows Header(JobDocument job)
    {
        TrafficDocument moved = job.Traffic;
        long bytes = moved.BytesDown + moved.BytesUp;
        string run = job.Run == 1 ? string.Empty : $", run {job.Run}";
        string doing = job.Doing is null ? string.Empty : $"   {job.Doing}";
        string saved = bytes == 0 ? "nothing moved yet" : $"{Output.Bytes(moved.BytesDown)} down, {Output.Bytes(moved.BytesUp)} up, {Output.Percent(bytes, moved.BytesAsFp32)} of fp32";
        return new Rows(
            new Columns(new Markup($"[bold]{Markup.Escape(job.Line.Name)}[/]"), Colored(job.Line.State), new Text($"round {job.Line.Round} of {job.Line.Rounds}{doing}")).Collapse(),
            new Markup($"[grey]{Markup.Escape($"{job.Line.Workflow} of {job.Model.Name} ({job.Model.Parameters.ToString("N0", CultureInfo.InvariantCulture)} parameters), {job.Line.Sites} sites; submitted by {job.Line.Submitter}{run}")}[/]"),
            new Markup($"[grey]{Markup.Escape(job.Digest)}[/]"),
            new Text(saved));
    }

    public static Table Sites(JobDocument job)
    {
        Table table = new Table().Border(TableBorder.Rounded).BorderColor(Color.Grey)
            .AddColumn("site").AddColumn("doing").AddColumn("progress").AddColumn(new TableColumn("speed").RightAligned())
            .AddColumn(new TableColumn("loss").RightAligned()).AddColumn("last heard of (UTC)");
        foreach (JobSiteDocument site in job.Sites)
        {
            string speed = site.BytesPerSecond is { } bytes ? $"{Output.Bytes((long)bytes)}/s" : site.TokensPerSecond is { } tokens ? $"{Output.Short(tokens)} tokens/s" : string.Empty;
            string doing = job.Line.State == JobState.Running ? site.Phase.Text() : string.Empty;
            string done = site.Total > 0 && site.Phase is not (TaskPhase.Waiting or TaskPhase.Done) ? Output.Percent(site.Done, site.Total) : string.Empty;
            table.AddRow(site.Site, doing, done, speed, Loss(site.Loss), site.Seen is { } seen ? Time(seen) : "never");
        }

        return table;
    }

    public static string Line(EventDocument happened)
    {
        string where = (happened.Round, happened.Site) switch
        {
            ({ } round, { } site) => $"round {round}, {site}: ",
            ({ } round, null) => $"round {round}: ",
            (null, { } site) => $"{site}: ",
            _ => string.Empty,
        };
        return $"{Time(happened.Time)}  {where}{happened.Text}";
    }

    private static IRenderable Models(JobDocument job)
    {
        if (job.Models.All(model => model.Loss is null))
        {
            return new Text("no held-out loss is known yet");
        }

        string[] sites = [.. job.Sites.Select(site => site.Site).Take(4)];
        Table table = new Table().Border(TableBorder.Simple).AddColumn(new TableColumn("round").RightAligned()).AddColumn(new TableColumn("loss").RightAligned());
        foreach (string site in sites)
        {
            table.AddColumn(new TableColumn(Markup.Escape(site)).RightAligned());
        }

        foreach (JobModelDocument model in job.Models)
        {
            string loss = model.Round == job.BestRound ? $"[green]{Loss(model.Loss)}[/]" : Loss(model.Loss);
            table.AddRow([$"{model.Round}", loss, .. sites.Select(site => model.SiteLosses.TryGetValue(site, out double own) ? Output.Loss(own) : "-")]);
        }

        return table;
    }

    private static Markup Colored(JobState state) => new(state switch
    {
        JobState.Finished => "[green]finished[/]",
        JobState.Failed => "[red]failed[/]",
        JobState.Aborted => "[yellow]aborted[/]",
        JobState.Running => "[blue]running[/]",
        JobState.AwaitingModel => "awaiting model",
        _ => "queued",
    });

    private static string Loss(double? loss) => loss is { } value ? Output.Loss(value) : "-";

    private static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
}
