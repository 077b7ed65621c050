using System.Collections.Immutable;
using System.Globalization;
using Tributary.Federation.Aggregation;
using Tributary.Federation.Jobs;
using Tributary.Federation.Rounds;
using Tributary.Federation.Tasks;
using Tributary.Federation.Wire;
using Tributary.Federation.Workflows;
using Tributary.Server.Storage;
using Tributary.Transport;

namespace Tributary.Server.Jobs;

/// <summary>Opens a job's steps, waits for their results, and closes them: journalled before anything is made of them.</summary>
internal sealed class StepCollector(Job job, JobFolder folder, Journal journal, MessageBroadcast broadcast, TimeProvider time, Action<JobEvent> report) : IAsyncDisposable
{
    private readonly Signal _changed = new();
    private readonly HashSet<string> _away = new(StringComparer.Ordinal);
    private ImmutableArray<OpenStep> _open = [];

    /// <summary>The steps that take results, the newest last. There is one, or none between two steps, but where sites need not wait for each other.</summary>
    public IReadOnlyList<OpenStep> Open => _open;

    /// <summary>Told when a step is opened, so that sites that wait for a task look again.</summary>
    public Action StepOpened { get; init; } = static () => { };

    /// <summary>The newest step, if it has work for a site.</summary>
    public OpenStep? NextFor(string site) => _open.LastOrDefault() is { } newest && newest.State.Needs(site) ? newest : null;

    /// <summary>The step of that number, as it is written in addresses.</summary>
    public OpenStep? Find(string round, string step) => _open.FirstOrDefault(open =>
        open.Round.ToString(CultureInfo.InvariantCulture) == round && open.Step.ToString(CultureInfo.InvariantCulture) == step);

    public bool IsOpen(int round, int step) => _open.Any(open => open.Round == round && open.Step == step);

    /// <summary>Waits until a step's rules allow to close it, and closes it.</summary>
    public async Task CollectAsync(TaskRequest request, StepRow? row, CancellationToken cancellationToken)
    {
        await RetireAsync(static _ => true);
        IReadOnlyList<string> sites = request.Sites ?? job.Sites;
        await using OpenStep open = Begin(request, row, sites, request.MinSites ?? Math.Min(job.MinSites ?? sites.Count, sites.Count), cancellationToken);
        try
        {
            IReadOnlyList<SitePart>? parts = null;
            await open.WaitAsync(() => (parts = open.State.TryClose(counted => Screen(open, counted))) is not null, Tick, time, cancellationToken);
            Close(request, parts!);
        }
        finally
        {
            Withdraw(open);
        }
    }

    /// <summary>Waits until so many results are there that no step has used, and closes the step with the first of them. It goes on taking results.</summary>
    public async Task FillAsync(TaskRequest request, StepRow? row, int size, CancellationToken cancellationToken)
    {
        OpenStep open = Begin(request, row, request.Sites ?? job.Sites, minSites: 0, cancellationToken);
        IReadOnlyList<ResultRow> filled = [];
        await open.WaitAsync(() => (filled = TakeUnused(size)).Count > 0, Tick, time, cancellationToken);
        journal.CloseStep(job.Name, request.Round, request.Step, [.. filled.Select(result =>
            new PartRow(result.Round, result.Step, result.Site, SiteState.Counted, null, request.Round, request.Step))]);
        await RetireAsync(step => step != open && step.State.Expected(workingOnly: true) == 0);
    }

    /// <summary>A result that is durable, which a step takes.</summary>
    /// <returns>False where the step does not take it any more.</returns>
    public bool Add(OpenStep open, ResultRow result, long bytes)
    {
        bool isFirst = journal.AddResult(job.Name, result);
        if (!open.State.Count(result.Site))
        {
            return false;
        }

        if (isFirst)
        {
            report(new ResultCounted(result.Round, result.Site, bytes, result.Metrics));
        }

        open.Signal();
        return true;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (OpenStep open in _open)
        {
            await open.DisposeAsync();
        }

        _open = [];
    }

    // Wakes by itself once in a while to notice a site that says nothing, and a deadline.
    private TimeSpan Tick => (job.Deadline is { } deadline && deadline < job.SiteTimeout ? deadline : job.SiteTimeout) / 10;

    private OpenStep Begin(TaskRequest request, StepRow? row, IReadOnlyList<string> sites, int minSites, CancellationToken cancellationToken)
    {
        var state = new StepState(sites, _away, new StepRules(job.SiteTimeout, job.TaskRetries, minSites, job.Deadline), time);
        foreach (ResultRow result in journal.Results(job.Name).Where(result => result.Round == request.Round && result.Step == request.Step))
        {
            state.Count(result.Site);
        }

        if (row is null && !broadcast.IsStored(request))
        {
            report(new StepEncoding(request.Round, request.Task));
        }

        (ServedObject Object, BaseDocument Document)? offered = broadcast.OfferBase(request, row);
        StepMessage message;
        try
        {
            message = broadcast.Begin(request, row, cancellationToken);
        }
        catch
        {
            offered?.Object.Dispose();
            throw;
        }

        if (!message.ModelSaved.IsCompleted)
        {
            state.HoldDeadline();
        }

        var open = new OpenStep(job, folder, journal, request, message, offered, state, _changed);
        _open = _open.Add(open);
        report(new StepOpened(request.Round, request.Task, message.Length));
        StepOpened();
        return open;
    }

    private IReadOnlyList<(string Site, string Reason)> Screen(OpenStep open, IReadOnlyList<string> counted) => NormScreen.Refuse(
        [.. journal.Results(job.Name)
            .Where(result => result.Round == open.Round && result.Step == open.Step && counted.Contains(result.Site) && result.Metrics.ContainsKey(MetricNames.UpdateNorm))
            .Select(result => (result.Site, result.Metrics[MetricNames.UpdateNorm]))],
        job.Aggregation.NormLimit);

    /// <summary>The first unused results, as they came; so many, or none where not so many are there that the screen lets pass.</summary>
    /// <exception cref="QuorumLostException">Too few sites are left for so many ever to be there.</exception>
    private ResultRow[] TakeUnused(int size)
    {
        IReadOnlyList<ResultRow> unused = journal.UnusedResults(job.Name);
        while (unused.Count >= size)
        {
            ResultRow[] first = [.. unused.Take(size)];
            PartRow[] refused = [.. NormScreen
                .Refuse([.. first.Select(result => (result, result.Metrics.GetValueOrDefault(MetricNames.UpdateNorm)))], job.Aggregation.NormLimit)
                .Select(refusal => new PartRow(refusal.Update.Round, refusal.Update.Step, refusal.Update.Site, SiteState.Refused, refusal.Reason))];
            if (refused.Length == 0)
            {
                return first;
            }

            journal.AddParts(job.Name, refused);
            foreach (PartRow part in refused)
            {
                report(new SiteLeftOut(part.Round, new SitePart(part.Site, part.State, part.Reason)));
            }

            unused = journal.UnusedResults(job.Name);
        }

        int expected = _open[^1].State.Expected() + _open[..^1].Sum(step => step.State.Expected(workingOnly: true));
        return unused.Count + expected >= size
            ? []
            : throw new QuorumLostException(unused.Count, size, job.Sites.Count, [.. _open.SelectMany(step => step.State.Lost())]);
    }

    /// <summary>Journals how the sites' parts ended, those included that the step was not for.</summary>
    private void Close(TaskRequest request, IReadOnlyList<SitePart> parts)
    {
        _away.Clear();
        _away.UnionWith(parts.Where(part => part.State is SiteState.Dead or SiteState.Away).Select(part => part.Site));
        IEnumerable<PartRow> rows = parts.Select(part => part.State == SiteState.Counted
            ? new PartRow(request.Round, request.Step, part.Site, part.State, null, request.Round, request.Step)
            : new PartRow(request.Round, request.Step, part.Site, part.State, part.Reason));
        IEnumerable<PartRow> others = job.Sites.Except(parts.Select(part => part.Site), StringComparer.Ordinal)
            .Select(site => new PartRow(request.Round, request.Step, site, SiteState.NotDrawn, "the step was not for it"));
        journal.CloseStep(job.Name, request.Round, request.Step, [.. rows, .. others]);
        foreach (SitePart part in parts.Where(part => part.State != SiteState.Counted))
        {
            report(new SiteLeftOut(request.Round, part));
        }
    }

    /// <summary>Ends steps that were closed and went on taking results.</summary>
    private async Task RetireAsync(Func<OpenStep, bool> isOver)
    {
        foreach (OpenStep step in _open.Where(isOver))
        {
            Withdraw(step);
            journal.AddParts(job.Name, [.. step.State.Close()
                .Where(part => part.State != SiteState.Counted)
                .Select(part => new PartRow(step.Round, step.Step, part.Site, part.State, part.Reason))]);
            await step.DisposeAsync();
        }
    }

    private void Withdraw(OpenStep open) => _open = _open.Remove(open);
}
