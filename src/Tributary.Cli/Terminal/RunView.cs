using System.Diagnostics;
using System.Globalization;
using Spectre.Console;
using Spectre.Console.Rendering;
using Tributary.Federation.Rounds;
using Tributary.Federation.Tasks;
using Tributary.Simulation;
using Tributary.Simulation.Reports;

namespace Tributary.Cli.Terminal;

/// <summary>
/// Shows a run while it works, on stderr: a live table in a terminal, a line for each round elsewhere.
/// </summary>
internal sealed class RunView
{
    private const int SitesShownMax = 8;

    private readonly Lock _lock = new();
    private readonly FederationSimulation _simulation;
    private readonly IAnsiConsole _console;
    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly SortedDictionary<string, SiteRow> _sites = new(StringComparer.Ordinal);
    private readonly List<(int Round, double Loss)> _losses = [];
    private int _round = 1;
    private string _task = "starting";
    private string? _note;
    private long _bytes;
    private long _messageBytes;

    private RunView(FederationSimulation simulation, IAnsiConsole console)
    {
        _simulation = simulation;
        _console = console;
        foreach (string site in simulation.Job.Sites)
        {
            _sites[site] = new SiteRow(new TaskProgress(TaskPhase.Waiting), null);
        }
    }

    public static async Task<RunSummary> ShowAsync(FederationSimulation simulation, Func<Action<JobEvent>, Task<RunSummary>> run)
    {
        IAnsiConsole console = Consoles.Error;
        var view = new RunView(simulation, console);
        view.PrintHeader();
        if (Console.IsErrorRedirected)
        {
            return await run(view.ObserveAndPrint);
        }

        Task<RunSummary> running = run(view.Observe);
        await console.Live(view.Draw()).AutoClear(true).StartAsync(async live =>
        {
            while (!running.IsCompleted)
            {
                await Task.WhenAny(running, Task.Delay(TimeSpan.FromMilliseconds(200)));
                live.UpdateTarget(view.Draw());
            }
        });
        return await running;
    }

    private void PrintHeader()
    {
        Federation.Jobs.Job job = _simulation.Job;
        string precision = job.Precision.Task == job.Precision.Result ? $"{job.Precision.Task} both ways" : $"{job.Precision.Task} down, {job.Precision.Result} up";
        _console.MarkupLineInterpolated($"[bold]{job.Name}[/]: {_simulation.Model.Name} ({_simulation.Model.Parameters:N0} parameters), {job.Sites.Count} sites, {job.Rounds} rounds of {job.Workflow}");
        _console.MarkupLineInterpolated($"[grey]{job.Exchange.ToString().ToLowerInvariant()} in {precision}, {job.Streaming.ToString().ToLowerInvariant()} streaming, seed {job.Seed}[/]");
        if (_simulation.RecordsShared is var (least, most))
        {
            _console.MarkupLineInterpolated($"[grey]the sites share one file's records, {least} to {most} each; {_simulation.Parallel} at work at once[/]");
        }
    }

    private void Observe(JobEvent happened)
    {
        lock (_lock)
        {
            switch (happened)
            {
                case StepEncoding step:
                    (_round, _task) = (step.Round, "encoding the message");
                    ResetSites();
                    break;
                case StepOpened step:
                    (_round, _task, _messageBytes) = (step.Round, step.Task, step.MessageBytes);
                    ResetSites();
                    break;
                case SiteProgressed site:
                    _sites[site.Site] = new SiteRow(site.Progress, site.Progress.Loss ?? _sites[site.Site].Loss);
                    break;
                case ResultCounted result:
                    _bytes += result.BytesUp + (long)result.Metrics.GetValueOrDefault(MetricNames.BytesDown);
                    _sites[result.Site] = new SiteRow(new TaskProgress(TaskPhase.Done), result.Metrics.TryGetValue(MetricNames.LocalLoss, out double loss) ? loss : _sites[result.Site].Loss);
                    break;
                case TaskRetried retried:
                    _sites[retried.Site] = _sites[retried.Site] with { Progress = new TaskProgress(TaskPhase.Waiting) };
                    _note = $"{retried.Site} tries again, since {retried.Reason.Split('\n')[0]}";
                    break;
                case SiteLeftOut left:
                    _note = Describe(left);
                    break;
                case MergeStarted:
                    _task = "merging the updates";
                    break;
                case LossKnown known:
                    _losses.Add((known.Round, known.Loss));
                    break;
            }
        }
    }

    private void ObserveAndPrint(JobEvent happened)
    {
        Observe(happened);
        string elapsed = Output.Time(Stopwatch.GetElapsedTime(_start).TotalSeconds);
        if (happened is LossKnown known)
        {
            string which = known.Round == 0 ? "initial model" : $"round {known.Round} of {_simulation.Job.Rounds}";
            _console.WriteLine($"[{elapsed}] {which}: held-out loss {Output.Loss(known.Loss)}, {Output.Bytes(_bytes)} moved");
        }
        else if (happened is PrivacySpent spent)
        {
            _console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"[{elapsed}] round {spent.Round} of {_simulation.Job.Rounds} spends up to epsilon {spent.Epsilon:0.###} at delta {spent.Delta:0.##e-0}"));
        }
        else if (happened is RoundsEnded ended)
        {
            _console.WriteLine($"[{elapsed}] round {ended.Round} does not run: {ended.Reason}");
        }
        else if (happened is SumBegunAgain again)
        {
            _console.WriteLine($"[{elapsed}] round {again.Round}: the sum is begun again with new keys, since {again.Reason}");
        }
        else if (happened is TaskRetried retried)
        {
            _console.WriteLine($"[{elapsed}] round {retried.Round}: {retried.Site} tries its task again, since {retried.Reason}");
        }
        else if (happened is SiteLeftOut left)
        {
            _console.WriteLine($"[{elapsed}] {Describe(left)}");
        }
        else if (happened is ResultCounted result && result.Metrics.TryGetValue(MetricNames.TrainLoss, out double loss))
        {
            string speed = result.Metrics.TryGetValue(MetricNames.TokensPerSecond, out double tokens) ? $", {Output.Short(tokens)} tokens/s" : string.Empty;
            _console.WriteLine($"[{elapsed}] round {result.Round}: {result.Site} trained, loss {Output.Loss(loss)}{speed}, sent {Output.Bytes(result.BytesUp)}");
        }
    }

    private static string Describe(SiteLeftOut left) =>
        $"round {left.Round} went on without {left.Part.Site}, {left.Part.State.ToString().ToLowerInvariant()}: {left.Part.Reason?.Split('\n')[0]}";

    private void ResetSites()
    {
        foreach (string site in _simulation.Job.Sites)
        {
            _sites[site] = _sites[site] with { Progress = new TaskProgress(TaskPhase.Waiting) };
        }
    }

    private Rows Draw()
    {
        lock (_lock)
        {
            Table table = new Table().Border(TableBorder.Rounded).BorderColor(Color.Grey)
                .AddColumn("site").AddColumn(new TableColumn("doing").Width(12)).AddColumn(new TableColumn("progress").Width(28))
                .AddColumn(new TableColumn("tokens/s").RightAligned().Width(8)).AddColumn(new TableColumn("loss").RightAligned().Width(8));
            foreach ((string site, SiteRow row) in Shown())
            {
                string speed = row.Progress.TokensPerSecond is { } tokens ? Output.Short(tokens) : string.Empty;
                string loss = row.Loss is { } latest ? Output.Loss(latest) : string.Empty;
                table.AddRow(new Text(site), new Text(row.Progress.Phase.Text()), Bar(row.Progress), new Text(speed), new Text(loss));
            }

            int rounds = _simulation.Job.Rounds;
            string round = _round > rounds ? "last evaluation" : $"round {_round} of {rounds}";
            double elapsed = Stopwatch.GetElapsedTime(_start).TotalSeconds;
            double done = Fraction();
            string left = done > 0.02 ? $", about {Output.Time(elapsed * (1 - done) / done)} left" : string.Empty;
            var lines = new List<IRenderable>
            {
                new Markup($"[bold]{round}[/]  {Markup.Escape(_task)}   {Output.Bytes(_bytes)} moved, {Output.Bytes(_messageBytes)} a message   [grey]{Output.Time(elapsed)}{left}[/]"),
                table,
            };
            if (_sites.Count > SitesShownMax)
            {
                lines.Add(new Text($"{Count(TaskPhase.Done)} of {_sites.Count} sites done, {_sites.Count - Count(TaskPhase.Done) - Count(TaskPhase.Waiting)} at work, {Count(TaskPhase.Waiting)} waiting"));
            }

            if (_note is not null)
            {
                lines.Add(new Text(_note));
            }

            if (_losses.Count > 0)
            {
                lines.Add(new Text("held-out loss  " + string.Join(" → ", _losses.TakeLast(8).Select(known => Output.Loss(known.Loss)))));
            }

            return new Rows(lines);
        }
    }

    /// <summary>All sites, or of many the first ones that are at work: a table higher than the terminal would be cut off.</summary>
    private IEnumerable<KeyValuePair<string, SiteRow>> Shown() => _sites.Count <= SitesShownMax
        ? _sites
        : _sites.Where(site => site.Value.Progress.Phase is not (TaskPhase.Waiting or TaskPhase.Done)).Take(SitesShownMax);

    private int Count(TaskPhase phase) => _sites.Values.Count(site => site.Progress.Phase == phase);

    private static Markup Bar(TaskProgress progress)
    {
        if (progress.Total <= 0)
        {
            return new Markup(string.Empty);
        }

        const int Width = 10;
        int full = (int)(Width * Math.Min(progress.Done, progress.Total) / progress.Total);
        string figures = progress.Phase == TaskPhase.Training ? $"step {progress.Done} of {progress.Total}" : $"{Output.Bytes(progress.Done)}";
        return new Markup($"[green]{new string('━', full)}[/][grey]{new string('━', Width - full)}[/] {figures}");
    }

    /// <summary>The share of the run that is done: rounds, and within the round how far its sites have come, training being most of it.</summary>
    private double Fraction()
    {
        int rounds = _simulation.Job.Rounds;
        double within = _sites.Values.Average(row => row.Progress.Phase switch
        {
            TaskPhase.Training => row.Progress.Total > 0 ? 0.1 + (0.8 * row.Progress.Done / row.Progress.Total) : 0.1,
            TaskPhase.Uploading => 0.95,
            TaskPhase.Done => 1,
            _ => 0.05,
        });
        return Math.Min(1, (_round - 1 + (_round > rounds ? 0 : within)) / rounds);
    }

    private sealed record SiteRow(TaskProgress Progress, double? Loss);
}
