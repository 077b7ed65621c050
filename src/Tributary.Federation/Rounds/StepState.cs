using Tributary.Federation.Tasks;

namespace Tributary.Federation.Rounds;

/// <summary>
/// A step's state machine: which site stands where, and whether the step can be closed. It holds no clock and no files; it is told.
/// All members may be called from several threads.
/// </summary>
public sealed class StepState
{
    private readonly Lock _lock = new();
    private readonly SortedDictionary<string, Part> _parts = new(StringComparer.Ordinal);
    private readonly TimeProvider _time;
    private readonly StepRules _rules;
    private long? _deadlineFrom;
    private string? _broken;
    private bool _isClosed;

    /// <summary>Opens a step.</summary>
    /// <param name="sites">The sites that it is for.</param>
    /// <param name="away">Those of them that were dead in the step before.</param>
    /// <param name="rules">When it is closed.</param>
    /// <param name="time">Measures silence.</param>
    public StepState(IEnumerable<string> sites, IReadOnlySet<string> away, StepRules rules, TimeProvider time)
    {
        _time = time;
        _rules = rules;
        long opened = time.GetTimestamp();
        _deadlineFrom = opened;
        foreach (string site in sites)
        {
            _parts.Add(site, new Part(away.Contains(site) ? SiteState.Away : SiteState.Waiting, opened, new TaskProgress(TaskPhase.Waiting)));
        }
    }

    /// <summary>Whether a site has work to do: it takes part and has neither finished nor failed. One that was given up may come back.</summary>
    public bool Needs(string site)
    {
        lock (_lock)
        {
            return !_isClosed && _parts.TryGetValue(site, out Part? part) && part.IsOpen;
        }
    }

    /// <summary>The deadline does not run: the model that is sent is still being merged, and no site can have all of it.</summary>
    public void HoldDeadline()
    {
        lock (_lock)
        {
            _deadlineFrom = null;
        }
    }

    /// <summary>The deadline runs, from now where it was held.</summary>
    public void RunDeadline()
    {
        lock (_lock)
        {
            _deadlineFrom ??= _time.GetTimestamp();
        }
    }

    /// <summary>A sign of life, with how far the site has come.</summary>
    /// <returns>Whether it is news: not where the site's result counts already, or cannot, and this was longer on its way.</returns>
    public bool Heard(string site, TaskProgress progress)
    {
        bool isNews = false;
        Move(site, part =>
        {
            long now = _time.GetTimestamp();
            bool moved = progress.Phase == TaskPhase.Uploading && (part.Progress.Phase != TaskPhase.Uploading || progress.Done > part.Progress.Done);
            isNews = part.IsOpen;
            return isNews ? part with { State = SiteState.Working, Heard = now, Progress = progress, Sent = moved ? now : part.Sent } : part;
        });
        return isNews;
    }

    /// <summary>A sign of life without news.</summary>
    public void Heard(string site) => Move(site, part => part with
    {
        Heard = _time.GetTimestamp(),
        State = part.State is SiteState.Away or SiteState.Dead ? SiteState.Waiting : part.State,
    });

    /// <summary>The site's result is durable. The first one counts; later ones change nothing.</summary>
    /// <returns>Whether a result of the site counts; not where the step was closed without it.</returns>
    public bool Count(string site)
    {
        lock (_lock)
        {
            Move(site, part => part.State == SiteState.Refused ? part : part with { State = SiteState.Counted, Progress = new TaskProgress(TaskPhase.Done), Reason = null });
            return _parts.TryGetValue(site, out Part? counted) && counted.State == SiteState.Counted;
        }
    }

    /// <summary>The site cannot do the task.</summary>
    public void Fail(string site, string reason) => Move(site, part => part.State is SiteState.Counted or SiteState.Refused
        ? part
        : part.Objection is { } objection
            ? part with { State = SiteState.Refused, Reason = objection }
            : part with { State = SiteState.Failed, Reason = part.Failures == 0 ? reason : $"{reason} (in {part.Failures + 1} attempts)" });

    /// <summary>A result of the site does not count, for that reason. It may still send another one, unless it says that it cannot.</summary>
    public void Object(string site, string reason) => Move(site, part => part with { Objection = reason });

    /// <summary>An attempt at the task failed for a reason that may pass: the site gets the task again, or has failed where it may not try once more.</summary>
    /// <param name="site">The site.</param>
    /// <param name="attempt">The attempt; said of the same one again, as where an answer was lost, it changes nothing.</param>
    /// <param name="reason">Why it failed.</param>
    /// <returns>Whether the site gets the task again for this.</returns>
    public bool Retry(string site, int attempt, string reason)
    {
        lock (_lock)
        {
            if (_isClosed || !_parts.TryGetValue(site, out Part? part) || !part.IsOpen || attempt <= part.FailedAttempt)
            {
                return false;
            }

            if (part.Failures == _rules.Retries)
            {
                Fail(site, reason);
                return false;
            }

            _parts[site] = new Part(SiteState.Waiting, _time.GetTimestamp(), new TaskProgress(TaskPhase.Waiting)) { Failures = part.Failures + 1, FailedAttempt = attempt };
            return true;
        }
    }

    /// <summary>The server itself cannot go on with the step, as with a full disk.</summary>
    public void Break(string reason)
    {
        lock (_lock)
        {
            _broken ??= reason;
        }
    }

    /// <summary>Closes the step if enough results count and no other is worth waiting for. What is told later changes nothing.</summary>
    /// <param name="screen">Given the sites whose results count, says which of these are refused after all, and why.</param>
    /// <returns>How each site's part ended, sorted by site; null where the step stays open.</returns>
    /// <exception cref="StepBrokenException">The server cannot go on.</exception>
    /// <exception cref="QuorumLostException">So many sites failed, are dead or refused that it can never be closed.</exception>
    public IReadOnlyList<SitePart>? TryClose(Func<IReadOnlyList<string>, IReadOnlyList<(string Site, string Reason)>> screen)
    {
        lock (_lock)
        {
            if (!CanClose())
            {
                return null;
            }

            foreach ((string site, string reason) in screen([.. _parts.Where(pair => pair.Value.State == SiteState.Counted).Select(pair => pair.Key)]))
            {
                Move(site, part => part with { State = SiteState.Refused, Reason = reason });
            }

            return CanClose() ? Close() : null;
        }
    }

    /// <summary>Closes the step as it is: sites that have not ended their part are late.</summary>
    /// <returns>How each site's part ended, sorted by site.</returns>
    public IReadOnlyList<SitePart> Close()
    {
        lock (_lock)
        {
            _isClosed = true;
            return [.. _parts.Select(pair => Ended(pair.Key, pair.Value))];
        }
    }

    /// <summary>How many sites may still send a result: they have neither ended their part nor are dead.</summary>
    /// <param name="workingOnly">Only those that have the task.</param>
    /// <exception cref="StepBrokenException">The server cannot go on.</exception>
    public int Expected(bool workingOnly = false)
    {
        lock (_lock)
        {
            CountAndExpect(out int expected);
            return workingOnly ? _parts.Values.Count(part => part.State == SiteState.Working) : expected;
        }
    }

    private static SitePart Ended(string site, Part part) => part.State switch
    {
        SiteState.Waiting => new SitePart(site, SiteState.Late, "it had not asked for the task when the step was closed"),
        SiteState.Working => new SitePart(site, SiteState.Late, $"it was {Doing(part)} when the step was closed"),
        SiteState.Away => new SitePart(site, SiteState.Away, "it was gone before and has not come back"),
        _ => new SitePart(site, part.State, part.Reason),
    };

    private bool CanClose()
    {
        int counted = CountAndExpect(out int expected);
        if (counted < _rules.MinSites)
        {
            return counted + expected >= _rules.MinSites ? false : throw new QuorumLostException(counted, _rules.MinSites, _parts.Count, Lost());
        }

        Part[] working = [.. _parts.Values.Where(part => part.State is SiteState.Waiting or SiteState.Working)];
        return working.Length == 0 || (IsOverdue() && !working.Any(IsSending));
    }

    /// <summary>Why sites' results do not count, each with its name.</summary>
    public IReadOnlyList<string> Lost()
    {
        lock (_lock)
        {
            return [.. _parts.Where(pair => pair.Value.Reason is not null).Select(pair => pair.Value.State switch
    {
        SiteState.Dead => $"site '{pair.Key}' is gone: {pair.Value.Reason}",
        SiteState.Refused => $"what site '{pair.Key}' sent is refused: {pair.Value.Reason}",
        _ => $"site '{pair.Key}' failed: {pair.Value.Reason}",
    })];
        }
    }

    private int CountAndExpect(out int expected)
    {
        if (_broken is not null)
        {
            throw new StepBrokenException(_broken);
        }

        (int counted, expected) = (0, 0);
        foreach ((string site, Part part) in _parts.ToArray())
        {
            if (part.IsOpen && part.State != SiteState.Dead && _time.GetElapsedTime(part.Heard) > _rules.SiteTimeout)
            {
                string since = $"nothing was heard of it for {_rules.SiteTimeout.TotalSeconds:0.###} s while {Doing(part)}";
                _parts[site] = part with { State = SiteState.Dead, Reason = since };
            }

            counted += _parts[site].State == SiteState.Counted ? 1 : 0;
            expected += _parts[site].State is SiteState.Waiting or SiteState.Working or SiteState.Away ? 1 : 0;
        }

        return counted;
    }

    private bool IsOverdue() => _rules.Deadline is { } deadline && _deadlineFrom is { } from && _time.GetElapsedTime(from) >= deadline;

    private bool IsSending(Part part) => part.Sent is { } sent && _time.GetElapsedTime(sent) <= StepRules.UploadPauseMax;

    private static string Doing(Part part) => part.Progress.Phase.Text();

    private void Move(string site, Func<Part, Part> change)
    {
        lock (_lock)
        {
            if (!_isClosed && _parts.TryGetValue(site, out Part? part))
            {
                _parts[site] = change(part);
            }
        }
    }

    private sealed record Part(SiteState State, long Heard, TaskProgress Progress)
    {
        public string? Reason { get; init; }

        /// <summary>When it was last seen to send bytes of its result.</summary>
        public long? Sent { get; init; }

        /// <summary>Why a result of it does not count.</summary>
        public string? Objection { get; init; }

        /// <summary>How often it failed and was given the task again.</summary>
        public int Failures { get; init; }

        /// <summary>The attempt that failed last.</summary>
        public int FailedAttempt { get; init; }

        /// <summary>Whether a result of it may still come.</summary>
        public bool IsOpen => State is SiteState.Waiting or SiteState.Working or SiteState.Away or SiteState.Dead;
    }
}
